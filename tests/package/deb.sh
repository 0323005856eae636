#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: deb.sh ROOT BUILD
#
# Installs, upgrades, removes and purges the package in a clean chroot.
set -euo pipefail

build=$(readlink -f "$2")
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/package/expect.sh
. "$here/expect.sh"
# shellcheck source=tests/package/chroot.sh
. "$here/chroot.sh"

# Everything below runs in a mount namespace of its own, so nothing stays mounted.
if [ "${MS_PACKAGE_NAMESPACE:-}" != "$$" ]; then
  MS_PACKAGE_NAMESPACE=$$ exec unshare --mount "$0" "$@"
fi
scratch=$(mktemp -d)
trap 'drop_root; rm -rf "$scratch"' EXIT

listing() {
  inside find / -xdev \( -path /proc -o -path /var/cache -o -path /var/log -o -path /var/lib/dpkg \
    -o -path /var/lib/apt -o -path /tmp \) -prune -o -print | sort
}

file_is() {
  [ "$(cat "$scratch/root$1")" = "$2" ]
}

# says TEXT REGEX
says() {
  grep -qE -- "$2" <<<"$1"
}

nothing_enabled() {
  [ -z "$(find "$scratch/root/etc/systemd" -name 'microseg*' 2>/dev/null)" ]
}

make_root
package 0.1.0
package 0.1.1

# Its libraries first, so that what is compared below is the package's own doing.
depends=$(inside dpkg-deb -f /microseg_0.1.0.deb Depends)
echo "Depends: $depends"
for library in libbpf1 libc6 libcurl4 libevent-core libfyaml0 libjansson4 libnl-3-200; do
  expect "depends on $library, by itself" says "$depends" "${library}[^ ]* \(>="
done
install_inside /microseg_0.1.0.deb
inside dpkg --purge microseg >"$scratch/apt" 2>&1 || {
  cat "$scratch/apt"
  exit 1
}
before=$(listing)

expect 'installs' inside dpkg -i /microseg_0.1.0.deb
cp "$scratch/out" "$scratch/said"
expect 'prints the first command' grep -qx '  sudo microsegctl policy check' "$scratch/said"
expect 'prints the second' grep -qx '  sudo systemctl enable --now microsegd' "$scratch/said"
expect 'prints the third' grep -qx '  sudo microsegctl status' "$scratch/said"
expect 'makes the group' inside getent group microseg
expect 'enables nothing' nothing_enabled
expect 'has the unit' test -f "$scratch/root/usr/lib/systemd/system/microsegd.service"
expect 'the unit starts what was installed' grep -qx 'ExecStart=/usr/sbin/microsegd' \
  "$scratch/root/usr/lib/systemd/system/microsegd.service"
expect 'has a page for the daemon' test -f "$scratch/root/usr/share/man/man8/microsegd.8"
expect 'has a page for the policy' test -f "$scratch/root/usr/share/man/man5/microseg-policy.5"
expect 'has a page for plugins' test -f "$scratch/root/usr/share/man/man7/microseg-plugin.7"
# Each plugin with what there is to read about it, and nothing else.
expect 'has a text for each plugin' diff \
  <(cd "$scratch/root/usr/lib/microseg/plugins" && printf '%s\n' *.so | sed 's/\.so$//') \
  <(cd "$scratch/root/usr/share/doc/microseg/plugins" && printf '%s\n' * | sed 's/\.md$//')
expect 'all libraries are found' never says \
  "$(inside ldd /usr/sbin/microsegd /usr/bin/microsegctl)" 'not found'
expect 'by what says so' says "$(inside ldd /usr/sbin/microsegd)" 'libbpf.so.1 => /'
expect 'the daemon likes its configuration' inside microsegd --check-config
expect 'the CLI runs' inside microsegctl version
expect 'the CLI likes the example policy' inside microsegctl policy check
expect 'the CLI can refuse' never inside microsegctl policy check /etc/microseg/microseg.yaml

echo '# mine' >"$scratch/root/etc/microseg/microseg.yaml"
echo '# mine too' >"$scratch/root/etc/microseg/policy.d/90-mine.yaml"
rm "$scratch/root/etc/microseg/policy.d/50-default.yaml"
mkdir -p "$scratch/root/var/lib/microseg"
echo state >"$scratch/root/var/lib/microseg/state"

expect 'upgrades' inside dpkg -i /microseg_0.1.1.deb
cp "$scratch/out" "$scratch/said"
expect 'is the new version' says "$(inside dpkg -s microseg)" '^Version: 0.1.1$'
expect 'keeps what I changed' file_is /etc/microseg/microseg.yaml '# mine'
expect 'keeps what I added' file_is /etc/microseg/policy.d/90-mine.yaml '# mine too'
expect 'does not bring back what I removed' never test -e \
  "$scratch/root/etc/microseg/policy.d/50-default.yaml"
expect 'keeps the state' file_is /var/lib/microseg/state state
expect 'does not explain itself twice' never grep -q 'enable --now' "$scratch/said"
expect 'still enables nothing' nothing_enabled

expect 'is removed' inside dpkg --remove microseg
expect 'the daemon is gone' never test -e "$scratch/root/usr/sbin/microsegd"
expect 'the unit is gone' never test -e "$scratch/root/usr/lib/systemd/system/microsegd.service"
expect 'my configuration is not' file_is /etc/microseg/microseg.yaml '# mine'
expect 'nor is the state' file_is /var/lib/microseg/state state

expect 'comes back' inside dpkg -i /microseg_0.1.1.deb
expect 'still keeps what I changed' file_is /etc/microseg/microseg.yaml '# mine'
expect 'is purged' inside dpkg --purge microseg
expect 'the group is gone' never inside getent group microseg
expect 'leaves no file behind' diff <(echo "$before") <(listing)

sum_up
