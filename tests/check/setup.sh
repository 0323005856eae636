#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Shell text in single quotes is for later:
# shellcheck disable=SC2016
#
# What setup.sh says on a wrong machine: one clear sentence each, exit 1, and nothing done. The
# machine is faked by stand-ins first in PATH; the real one is never touched, because every stand-in
# that would change it fails instead.
set -euo pipefail

top=$(dirname "$(dirname "$(dirname "$(readlink -f "$0")")")")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
checks=0
failures=0
services=$(ls -l --time-style=full-iso /usr/sbin/policy-rc.d 2>/dev/null || :)

# fake NAME 'SHELL'
fake() {
  printf '#!/bin/sh\n%s\n' "$2" >"$scratch/bin/$1"
  chmod 755 "$scratch/bin/$1"
}

# A machine where nothing is wrong.
machine() {
  rm -rf "${scratch:?}/bin"
  mkdir "$scratch/bin"
  printf 'ID=debian\nVERSION_ID="12"\n' >"$scratch/os-release"
  fake id 'echo 0'
  fake uname 'case $1 in -m) echo x86_64 ;; *) echo 6.1.0-50-amd64 ;; esac'
  fake stat 'case "$*" in *-f*) echo bpf_fs ;; *) echo 0 ;; esac'
  fake mount 'echo mounted >&2; exit 32'
  fake umount 'exit 1'
  fake dpkg-query 'echo installed'
  fake apt-get "echo \"apt-get \$*\" >>'$scratch/apt'; exit 100"
  fake cmake 'exit 0'
  fake ninja "echo built >>'$scratch/built'; exit 0"
  fake cc 'exit 0'
  fake clang 'exit 0'
  rm -f "$scratch/apt" "$scratch/built"
}

# says STATUS 'TEXT' ARGUMENTS...: run setup.sh on that machine
says() {
  local want=$1 text=$2 status=0
  shift 2
  checks=$((checks + 1))
  PATH=$scratch/bin:/usr/bin:/bin MS_OS_RELEASE=$scratch/os-release "$top/setup.sh" "$@" \
    >"$scratch/out" 2>&1 </dev/null || status=$?
  if [ $status != "$want" ] || ! grep -qF -- "$text" <(echo && cat "$scratch/out"); then
    failures=$((failures + 1))
    echo "setup.sh $*: exit $status, expected $want and \"$text\", said:"
    cat "$scratch/out"
  fi
}

# The sentence stands alone: nothing was built or installed before it.
undisturbed() {
  checks=$((checks + 1))
  if [ -e "$scratch/built" ] || [ -e "$scratch/apt" ] || [ "$(wc -l <"$scratch/out")" -ne 1 ]; then
    failures=$((failures + 1))
    echo "more than one sentence:"
    cat "$scratch/out"
  fi
}

machine
says 0 'usage: ./setup.sh VERB'
says 0 'usage: ./setup.sh VERB' --help
says 1 'there is no verb "start"' start
says 0 'All packages are there.' deps
says 0 '' build

for verb in run test bench install uninstall; do
  machine
  fake id 'echo 1000'
  says 1 "$verb needs root: sudo ./setup.sh $verb" $verb
  undisturbed
done

for verb in run test bench install; do
  machine
  fake uname 'case $1 in -m) echo x86_64 ;; *) echo 5.10.0-30-amd64 ;; esac'
  says 1 'kernel 5.10.0-30-amd64 is too old: microseg needs 6.1 or newer' $verb
  undisturbed
done
machine
fake uname 'case $1 in -m) echo x86_64 ;; *) echo 6.0-rc1 ;; esac'
says 1 'kernel 6.0-rc1 is too old' run
machine
fake uname 'case $1 in -m) echo aarch64 ;; *) echo 6.12.1 ;; esac'
says 1 'this machine is aarch64: microseg needs x86-64' run
undisturbed

machine
fake stat 'case "$*" in *-f*) echo sysfs ;; *) echo 0 ;; esac'
says 1 'no bpf file system can be mounted on /sys/fs/bpf' run

# Without root, a package that is missing is named, not installed.
machine
fake id 'echo 1000'
fake dpkg-query 'case "$*" in *libfyaml-dev*) echo not-installed ;; *) echo installed ;; esac'
says 1 'these packages are missing: libfyaml-dev; install them with: sudo ./setup.sh deps' build
undisturbed

# With root, only what is missing is asked for.
machine
fake dpkg-query 'case "$*" in *libfyaml-dev*) echo not-installed ;; *) echo installed ;; esac'
fake apt-get "echo \"apt-get \$*\" >>'$scratch/apt'; [ \"\$2\" = update ]"
says 1 'apt-get could not install: libfyaml-dev' build
checks=$((checks + 1))
if ! grep -q -- '--no-install-recommends install libfyaml-dev$' "$scratch/apt"; then
  failures=$((failures + 1))
  cat "$scratch/apt"
fi
checks=$((checks + 1))
if [ "$(ls -l --time-style=full-iso /usr/sbin/policy-rc.d 2>/dev/null || :)" != "$services" ]; then
  failures=$((failures + 1))
  echo "policy-rc.d is not as it was"
fi

machine
fake dpkg-query 'case "$*" in *libfyaml-dev*) echo not-installed ;; *) echo installed ;; esac'
says 1 'apt-get update failed: is there a network?' build

# PATH without any compiler: only the stand-ins and the shell's own needs.
nothing_else() {
  local tool
  for tool in bash dirname readlink sed tr cat grep mkdir; do
    ln -sf "$(command -v $tool)" "$scratch/bin/$tool"
  done
}
bare() {
  local path=$PATH
  nothing_else
  rm -f "$scratch/bin/$1"
  shift
  checks=$((checks + 1))
  if env -i PATH="$scratch/bin" MS_OS_RELEASE="$scratch/os-release" \
    "$scratch/bin/bash" "$top/setup.sh" "${@:2}" >"$scratch/out" 2>&1 </dev/null ||
    ! grep -qF -- "$1" "$scratch/out"; then
    failures=$((failures + 1))
    echo "without it, setup.sh ${*:2} said:"
    cat "$scratch/out"
  fi
  PATH=$path
}
machine
bare cc 'no C compiler (cc) was found: install gcc' build
undisturbed
machine
bare clang 'no clang was found' build
undisturbed

# Elsewhere: what is missing, by name, and nothing installed.
machine
printf 'ID=fedora\nVERSION_ID=42\n' >"$scratch/os-release"
fake pkg-config 'case "$*" in *libfyaml*) exit 1 ;; esac'
bare cmake 'fedora-42 is not one of the distributions whose packages are known here' build
checks=$((checks + 1))
if ! grep -q 'missing on this machine: cmake bpftool ip lib:libfyaml$' "$scratch/out"; then
  failures=$((failures + 1))
  cat "$scratch/out"
fi
undisturbed

# Package names that differ.
machine
printf 'ID=ubuntu\nVERSION_ID="24.04"\n' >"$scratch/os-release"
fake dpkg-query 'case "$*" in *tools-generic*) echo no ;; *) echo installed ;; esac'
fake id 'echo 1000'
says 1 'these packages are missing: linux-tools-generic' build

# A wrapper that cannot run is passed over for a bpftool that can.
machine
fake bpftool 'echo "WARNING: bpftool not found for kernel" >&2; exit 2'
checks=$((checks + 1))
cat >"$scratch/find.cmake" <<CMAKE
include($top/bpf/cmake/MicrosegBpftool.cmake)
ms_find_bpftool(found)
message(STATUS "found \${found}")
CMAKE
cmake=$(command -v cmake)
if ! PATH=$scratch/bin:$PATH "$cmake" -P "$scratch/find.cmake" >"$scratch/out" 2>&1 ||
  ! grep -q 'found /usr' "$scratch/out"; then
  failures=$((failures + 1))
  cat "$scratch/out"
fi

echo "100%: Checks: $checks, Failures: $failures, Errors: 0"
[ $failures -eq 0 ]
