#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: service.sh ROOT BUILD
#
# Boots a clean system with systemd and the package on the distribution's own kernel in QEMU, and
# runs service_guest.sh in it.
set -euo pipefail

root=$(readlink -f "$1")
build=$(readlink -f "$2")
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/package/chroot.sh
. "$here/chroot.sh"

if [ "${MS_PACKAGE_NAMESPACE:-}" != "$$" ]; then
  MS_PACKAGE_NAMESPACE=$$ exec unshare --mount "$0" "$@"
fi
scratch=$(mktemp -d)
trap 'drop_root; rm -rf "$scratch"' EXIT

version=$("$root/tests/kernels/fetch.sh" linux-image-cloud-amd64 "$build/kernels")
kernel=$build/kernels/$version

make_root
package 0.1.0
package 0.1.1
install_inside systemd-sysv kmod iproute2 /microseg_0.1.0.deb
rm "$scratch/root/usr/sbin/policy-rc.d"
umount "$scratch/root/proc"

mkdir "$scratch/root/test"
cp "$here"/{expect.sh,service_guest.sh,talks.pl,engine.pl} "$scratch/root/test/"
mkdir -p "$scratch/root/lib/modules"
cp -r "$kernel/lib/modules/$version" "$scratch/root/lib/modules/"
cat >"$scratch/root/etc/systemd/system/microseg-test.service" <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
StandardOutput=file:/dev/ttyS1
StandardError=inherit
ExecStart=/test/service_guest.sh
ExecStopPost=/bin/systemctl poweroff --force --force
UNIT
mkdir -p "$scratch/root/etc/systemd/system/default.target.wants"
ln -s /etc/systemd/system/microseg-test.service \
  "$scratch/root/etc/systemd/system/multi-user.target.wants/microseg-test.service"
ln -sf /lib/systemd/systemd "$scratch/root/init"
ln -sf /lib/systemd/system/multi-user.target "$scratch/root/etc/systemd/system/default.target"

(cd "$scratch/root" && find . -xdev \( -path ./var/cache -o -path ./var/lib/apt -o -path ./usr/share/doc \
  -o -path ./usr/share/locale -o -path ./usr/share/zoneinfo -o -path "./lib/modules/*/kernel/drivers/[a-mo-z]*" \
  -o -path './usr/lib/modules/*/kernel/fs' \) -prune -o -print0 |
  cpio --null --quiet -o -H newc) >"$scratch/initrd"

: >"$scratch/results"
timeout --foreground 600 qemu-system-x86_64 -accel tcg -cpu max -m 3072 -smp 2 \
  -kernel "$kernel/boot/vmlinuz-$version" -initrd "$scratch/initrd" \
  -append 'console=ttyS0 loglevel=4 panic=-1 systemd.show_status=0 systemd.journald.forward_to_console=0' \
  -nic none -display none -monitor none -no-reboot \
  -serial "file:$scratch/console" -serial "file:$scratch/results" </dev/null || :
tr -d '\r' <"$scratch/results" >"$scratch/clean"
cat "$scratch/clean"
grep -q '^guest: done' "$scratch/clean" || {
  tail -n 40 "$scratch/console"
  echo "the guest did not come to its end"
  exit 1
}
! grep -qE 'Failures: [^0]' "$scratch/clean"
