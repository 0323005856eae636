#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: boot.sh META CPUS BUILD [REGEX]
#
# Boots the kernel behind the package META with the bpf lane's binaries of BUILD in an initramfs, and
# fails if one of them fails, if the kernel complained, or if the guest did not come to its end. A
# guest that dies before our code runs is the emulator's doing and is started once more. With REGEX,
# only the tests whose names it matches.
set -euo pipefail

meta=$1
cpus=$2
build=$(readlink -f "$3")
only=${4:-.}
here=$(dirname "$(readlink -f "$0")")
version=$("$here/fetch.sh" "$meta" "$build/kernels")
kernel=$build/kernels/$version
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# ctest in a folder of its own: asked in the build's, it would begin anew the log of who called us.
list_tests() {
  mkdir -p "$work/list"
  echo "subdirs(\"$build\")" >"$work/list/CTestTestfile.cmake"
  ctest --test-dir "$work/list" -LE '^host_only$' -R "$only" --show-only=json-v1 "$@"
}

# What the datapath and the tests may ask for; the kernel loads it by itself when they do.
modules=(veth sch_ingress cls_bpf cls_matchall cls_u32 act_gact unix_diag 8021q dummy tun bridge)

fail() {
  echo "kernel $version: $*" >&2
  exit 1
}

# put FILE: into the initramfs under its own path, with the libraries that it needs
put() {
  local file
  while read -r file; do
    mkdir -p "$work/root$(dirname "$file")"
    cp -L "$file" "$work/root$file"
  done < <(echo "$1" && ldd "$1" 2>/dev/null | grep -oE '/[^ ]+ \(0x' | cut -d' ' -f1)
}

pack() {
  local test file environment tests number=100
  mkdir -p "$work/root"/{bin,sbin,dev,proc,sys,tmp,tests,etc}
  cp /bin/busybox "$work/root/bin/busybox"
  # Busybox's own shell would take its applets before the programs that a test brings.
  put /bin/dash
  ln -s dash "$work/root/bin/sh"
  cp "$here/init" "$work/root/init"
  chmod 755 "$work/root/init"
  ln -s /bin/busybox "$work/root/sbin/modprobe"
  # Label guest first: it wants to see the kernel before anything of ours ran.
  mapfile -t tests < <(for label in guest bpf also_guest; do
    list_tests -L "^$label\$" |
      jq -r '.tests[] | .command[0] + " " +
        ([.properties[] | select(.name == "ENVIRONMENT") | .value[]] | join(" "))'
  done)
  [ ${#tests[@]} -gt 0 ] || fail "there is no test to run"
  for test in "${tests[@]}"; do
    read -r file environment <<<"$test"
    put "$file"
    number=$((number + 1))
    # Some are the same program in another environment.
    printf '#!/bin/sh\n%s exec %s "$@"\n' "$environment" "$file" \
      >"$work/root/tests/$number-$(basename "$file")${environment:+-$environment}"
    chmod 755 "$work/root/tests/$number-"*
  done
  list_tests -L '^(guest|bpf|also_guest)$' |
    jq -r '.tests[].properties[] | select(.name == "REQUIRED_FILES") | .value[]' | sort -u |
    while read -r file; do
      put "$file"
    done
  modprobe -d "$kernel" -S "$version" -a --show-depends "${modules[@]}" |
    awk '$1 == "insmod" {print $2}' | sort -u | while read -r file; do
    mkdir -p "$work/root$(dirname "${file#"$kernel"}")"
    cp "$file" "$work/root${file#"$kernel"}"
  done
  cp "$kernel/lib/modules/$version"/modules.{builtin,builtin.modinfo,order} "$work/root/lib/modules/$version/"
  depmod -b "$work/root" "$version"
  (cd "$work/root" && find . -print0 | cpio --null --quiet -o -H newc | gzip -1) >"$work/initrd"
  echo "${#tests[@]}"
}

boot() {
  : >"$work/results"
  timeout --foreground 2000 qemu-system-x86_64 -accel tcg -cpu max -m 2048 -smp "$cpus" \
    -kernel "$kernel/boot/vmlinuz-$version" -initrd "$work/initrd" \
    -append 'console=ttyS0 loglevel=5 panic=-1 oops=panic' \
    -nic none -display none -monitor none -no-reboot \
    -serial "file:$work/console" -serial "file:$work/results" </dev/null || :
  tr -d '\r' <"$work/results" >"$work/clean"
}

expected=$(pack)
boot
if ! grep -q '^guest: up' "$work/clean"; then
  echo "kernel $version: the guest died before it ran anything of ours; once more:"
  tail -n 30 "$work/console"
  boot
fi
cat "$work/clean"
grep -q '^guest: done' "$work/clean" || {
  tail -n 60 "$work/console"
  fail "the guest did not come to its end"
}
if grep -aE 'BUG:|WARNING: |Oops|general protection|cut here|Call Trace|KASAN|lockdep|rcu.*stall' \
  "$work/console"; then
  cat "$work/console"
  fail "the kernel complained"
fi
! grep '^guest: the kernel was tainted' "$work/clean" || fail "the kernel was tainted"
[ "$(grep -c '^guest: .* exit ' "$work/clean")" = "$expected" ] || fail "not every test was run"
! grep '^guest: .* exit [^0]' "$work/clean" || fail "a test failed"
