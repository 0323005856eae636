#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: install.sh ROOT BUILD
#
# ./setup.sh build, install and uninstall for real, in a mount namespace where what they may write
# is a layer over this machine's, without what is installed on it.
set -euo pipefail

root=$(readlink -f "$1")
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/package/expect.sh
. "$here/expect.sh"

if [ "${MS_PACKAGE_NAMESPACE:-}" != "$$" ]; then
  MS_PACKAGE_NAMESPACE=$$ exec unshare --mount --net "$0" "$@"
fi
scratch=$(mktemp -d)
trap 'cd /; umount -l "$scratch/layer" 2>/dev/null || :; rm -rf "$scratch"' EXIT

mkdir "$scratch/layer"
mount -t tmpfs tmpfs "$scratch/layer"
for dir in /etc /usr/local /var/lib; do
  mkdir -p "$scratch/layer$dir/upper" "$scratch/layer$dir/work"
  mount -t overlay overlay $dir \
    -o "lowerdir=$dir,upperdir=$scratch/layer$dir/upper,workdir=$scratch/layer$dir/work"
done
mount -t bpf bpf /sys/fs/bpf
cd "$root"

# What this machine has installed is gone from the layer only; what runs there is out of reach of
# scripts that would restart or stop it.
mount -t tmpfs tmpfs /run
find /etc /usr/local /var/lib -xdev -path "$root" -prune -o \
  -name '*microseg*' -prune -exec rm -rf {} +
groupdel microseg 2>/dev/null || :

listing() {
  find /etc /usr/local /var/lib -xdev | sort
}

stamps() {
  stat -c '%n %Y' build/bin/* build/bpf/*.o
}

before=$(listing)
expect 'builds' ./setup.sh build
built=$(stamps)
expect 'builds nothing twice' ./setup.sh build
cp "$scratch/out" "$scratch/said"
expect 'says so' grep -q 'no work to do' "$scratch/said"
expect 'touches no file the second time' diff <(echo "$built") <(stamps)

expect 'installs' ./setup.sh install
cp "$scratch/out" "$scratch/said"
expect 'rebuilds nothing to install' diff <(echo "$built") <(stamps)
expect 'prints the commands' grep -qx '  sudo systemctl enable --now microsegd' "$scratch/said"
expect 'makes the group' getent group microseg
expect 'the unit starts what was installed' grep -qx 'ExecStart=/usr/local/sbin/microsegd' \
  /usr/local/lib/systemd/system/microsegd.service
expect 'what there is to read about each plugin is there' diff \
  <(cd /usr/local/lib/microseg/plugins && printf '%s\n' *.so | sed 's/\.so$//') \
  <(cd /usr/local/share/doc/microseg/plugins && printf '%s\n' *.md | sed 's/\.md$//')
expect 'the daemon likes its configuration' /usr/local/sbin/microsegd --check-config
expect 'the example policy is good' /usr/local/bin/microsegctl policy check
echo '# mine' >/etc/microseg/microseg.yaml
expect 'installs again' ./setup.sh install
expect 'keeps what I changed' grep -qx '# mine' /etc/microseg/microseg.yaml

expect 'uninstalls' ./setup.sh uninstall
expect 'the daemon is gone' never test -e /usr/local/sbin/microsegd
expect 'my configuration is not' grep -qx '# mine' /etc/microseg/microseg.yaml
expect 'says when there is nothing' never ./setup.sh uninstall
cp "$scratch/out" "$scratch/said"
expect 'in one sentence' grep -qx 'setup.sh: nothing was installed by ./setup.sh install' \
  "$scratch/said"

expect 'installs a third time' ./setup.sh install
expect 'purges' ./setup.sh uninstall --purge
expect 'leaves nothing behind' diff <(echo "$before") <(listing)

expect 'makes a package' ./setup.sh package
expect 'of that name' test -f "build/microseg_0.1.0_amd64.deb"

sum_up
