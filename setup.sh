#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# From a bare machine to a running microseg. Every verb may be called again: what stands is neither
# installed nor built a second time.
#
# Tests fake the machine by putting stand-ins for id, uname, stat, mount, cc ... first in PATH; the
# one file that PATH cannot stand in for is named by MS_OS_RELEASE.
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")"
top=$PWD
os_release=${MS_OS_RELEASE:-/etc/os-release}

say() {
  printf '%s\n' "$*"
}

# One clear sentence, then out.
die() {
  printf 'setup.sh: %s\n' "$*" >&2
  exit 1
}

usage() {
  cat <<'USAGE'
usage: ./setup.sh VERB [OPTIONS]

  deps [test]    install the packages that build and run need (test: those of the tests too)
  build          build/bin/microsegd and build/bin/microsegctl
  run            try it: build, protect every interface, block nothing; Ctrl-C removes everything
                 (--interface PATTERN, repeatable: only these interfaces)
  test [LANE..]  build and run the tests: unit check bpf netns fuzz kernels package sanitize
  bench [--quick]  measure, and write docs/performance.md (--only program: one section;
                 --baseline OBJ:PROG: beside another TC program; --rules DIR: ClassBench files)
  install        into /usr/local, with unit, man pages and an example policy; starts nothing
  uninstall      stop, clean up, remove what install put there (--purge: /etc/microseg too)
  package        build/microseg_VERSION_ARCH.deb
USAGE
}

# ---- the machine ----

is_root() {
  [ "$(id -u)" = 0 ]
}

need_root() {
  is_root || die "$1 needs root: sudo ./setup.sh $1"
}

need_kernel() {
  local release machine major minor
  machine=$(uname -m)
  [ "$machine" = x86_64 ] || die "this machine is $machine: microseg needs x86-64"
  release=$(uname -r)
  major=${release%%.*}
  minor=${release#*.}
  minor=${minor%%[!0-9]*}
  if [ "$major" -lt 6 ] || { [ "$major" -eq 6 ] && [ "$minor" -lt 1 ]; }; then
    die "kernel $release is too old: microseg needs 6.1 or newer"
  fi
}

# Mounts the bpf file system where it is missing. Returns 1 if it was there already.
mount_bpffs() {
  [ "$(stat -f -c %T /sys/fs/bpf 2>/dev/null)" != bpf_fs ] || return 1
  mount -t bpf -o mode=0700 bpf /sys/fs/bpf 2>/dev/null ||
    die "no bpf file system can be mounted on /sys/fs/bpf: the kernel lacks it, or this is a container without the right to"
}

# Debian 12 is the reference: its compilers' warnings are errors, its tools judge format and style.
distribution() {
  local id='' version=''
  if [ -r "$os_release" ]; then
    id=$(sed -n 's/^ID=//p' "$os_release" | tr -d '"')
    version=$(sed -n 's/^VERSION_ID=//p' "$os_release" | tr -d '"')
  fi
  printf '%s-%s\n' "$id" "$version"
}

is_supported() {
  case $(distribution) in
  debian-12 | debian-13 | ubuntu-24.04) return 0 ;;
  esac
  return 1
}

# ---- packages ----

packages_build() {
  echo gcc libc6-dev clang llvm cmake ninja-build pkg-config libbpf-dev libelf-dev zlib1g-dev \
    libnl-3-dev libnl-route-3-dev libevent-dev libfyaml-dev libjansson-dev libncurses-dev libseccomp-dev \
    libsystemd-dev libcurl4-openssl-dev libssl-dev iproute2
  case $(distribution) in
  ubuntu-*) echo linux-tools-common linux-tools-generic ;;
  *) echo bpftool ;;
  esac
}

packages_package() {
  echo dpkg-dev file
}

packages_test() {
  packages_package
  packages_bench
  echo check valgrind jq procps iputils-ping ethtool wget iptables nftables podman runc conmon \
    containernetworking-plugins prometheus busybox-static cpio xz-utils util-linux etcd-server \
    etcd-client openssl python3 tcpdump tshark
  case $(distribution) in
  debian-12)
    echo clang-format-14 clang-tidy-14 codespell shellcheck mandoc systemd \
      qemu-system-x86 kmod debootstrap
    ;;
  esac
}

packages_bench() {
  echo check gnuplot-nox nftables
}

missing_packages() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      printf '%s\n' "$package"
  done
}

# Services that come with a package stay down. Somebody's own policy-rc.d is left as it is.
services_held=0
hold_services() {
  [ ! -e /usr/sbin/policy-rc.d ] || return 0
  services_held=1
  trap release_services EXIT
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
}

release_services() {
  [ $services_held = 0 ] || rm -f /usr/sbin/policy-rc.d
  services_held=0
}

install_packages() {
  local missing
  if ! is_supported; then
    missing_tools
    return
  fi
  mapfile -t missing < <(missing_packages "$@")
  [ "${#missing[@]}" -gt 0 ] || return 0
  is_root || die "these packages are missing: ${missing[*]}; install them with: sudo ./setup.sh deps"
  say "Installing ${#missing[@]} packages: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  hold_services
  apt-get -q update || die "apt-get update failed: is there a network?"
  apt-get -q -y --no-install-recommends install "${missing[@]}" </dev/null ||
    die "apt-get could not install: ${missing[*]}"
  release_services
}

# On a distribution whose package names are not known here: names what is missing, installs nothing.
missing_tools() {
  local missing=() tool module
  for tool in cc clang cmake ninja pkg-config bpftool ip; do
    command -v $tool >/dev/null || missing+=("$tool")
  done
  for module in libbpf libelf zlib libnl-3.0 libnl-route-3.0 libevent_core libfyaml jansson libcurl \
    ncursesw; do
    pkg-config --exists $module 2>/dev/null || missing+=("lib:$module")
  done
  [ "${#missing[@]}" -eq 0 ] ||
    die "$(distribution) is not one of the distributions whose packages are known here (Debian 12 and 13, Ubuntu 24.04); missing on this machine: ${missing[*]}"
}

need_compiler() {
  command -v cc >/dev/null || die "no C compiler (cc) was found: install gcc"
  command -v clang-14 >/dev/null || command -v clang >/dev/null ||
    die "no clang was found: it compiles the BPF program"
}

# ---- building ----

# With sudo the tree stays its owner's: what only builds runs as the invoking user, if the tree is
# theirs to write.
as_builder() {
  local uid=${SUDO_UID:-0}
  if is_root && [ "$uid" != 0 ] && [ "$(stat -c %u "$top")" = "$uid" ]; then
    setpriv --reuid "$uid" --regid "${SUDO_GID:-$uid}" --init-groups env \
      HOME="$(getent passwd "$uid" | cut -d: -f6)" "$@"
  else
    "$@"
  fi
}

build_product() {
  # shellcheck disable=SC2046  # a list of words on purpose
  install_packages $(packages_build)
  need_compiler
  if [ ! -f "$top/build/build.ninja" ]; then
    as_builder cmake --preset release
  fi
  as_builder ninja -C "$top/build"
}

# ---- verbs ----

verb_deps() {
  local packages
  case ${1:-} in
  '') packages=$(packages_build) ;;
  test) packages="$(packages_build) $(packages_test)" ;;
  *) die "deps takes nothing, or the word test" ;;
  esac
  # shellcheck disable=SC2086  # a list of words on purpose
  install_packages $packages
  say "All packages are there."
}

verb_build() {
  [ $# -eq 0 ] || die "build takes no arguments"
  build_product
}

# A trial: nothing is left behind, so a bpffs that was mounted for it goes too.
verb_run() {
  need_root run
  need_kernel
  build_product
  local mounted=0 status=0
  if mount_bpffs; then
    mounted=1
  fi
  # Ctrl-C reaches the daemon by itself, which cleans up; this shell waits for it. A TERM sent to
  # this shell alone is handed on.
  "$top/build/bin/microsegd" --cleanup-on-exit "$@" &
  local daemon=$!
  trap : INT
  trap 'kill -TERM $daemon' TERM
  while :; do
    status=0
    wait $daemon || status=$?
    kill -0 $daemon 2>/dev/null || break
  done
  if [ $mounted = 1 ]; then
    umount /sys/fs/bpf
  fi
  exit $status
}

verb_test() {
  need_root test
  need_kernel
  # shellcheck disable=SC2046  # a list of words on purpose
  install_packages $(packages_build) $(packages_test)
  exec "$top/tests/run.sh" "$@"
}

verb_bench() {
  need_root bench
  need_kernel
  # shellcheck disable=SC2046  # a list of words on purpose
  install_packages $(packages_build) $(packages_bench)
  need_compiler
  [ -f "$top/build/test/build.ninja" ] || as_builder cmake --preset test
  as_builder ninja -C "$top/build/test" microseg-bench microsegd microsegctl
  exec "$top/tests/bench/run.sh" "$@"
}

installed_manifest=/usr/local/lib/microseg/install_manifest

verb_install() {
  need_root install
  need_kernel
  build_product
  cmake --install "$top/build" --prefix /usr/local --strip >/dev/null
  # The build directory may be gone by the time somebody uninstalls.
  install -D -m 644 "$top/build/install_manifest.txt" $installed_manifest
  "$top/core/service/postinst" configure
}

verb_uninstall() {
  local purge=0
  case ${1:-} in
  '') ;;
  --purge) purge=1 ;;
  *) die "uninstall takes nothing, or --purge" ;;
  esac
  need_root uninstall
  [ -f $installed_manifest ] || die "nothing was installed by ./setup.sh install"
  "$top/core/service/prerm" remove
  local file
  # The manifest's last line has no end.
  while read -r file || [ -n "$file" ]; do
    case $file in
    /etc/microseg/*) ;;
    /*) rm -f "$file" ;;
    esac
  done <$installed_manifest
  rm -f $installed_manifest
  # Folders that may have been ours alone; those that hold anything stay.
  (cd /usr/local && for dir in lib/microseg/plugins lib/microseg libexec/microseg libexec \
    include/microseg lib/cmake/Microseg lib/cmake lib/pkgconfig share/microseg \
    share/doc/microseg/examples/* share/doc/microseg/examples \
    share/doc/microseg/plugins share/doc/microseg share/doc \
    lib/systemd/system lib/systemd share/man/man5 share/man/man7 share/man/man8 \
    share/bash-completion/completions share/bash-completion; do
    [ ! -d "$dir" ] || rmdir --ignore-fail-on-non-empty "$dir"
  done)
  if [ $purge = 1 ]; then
    "$top/core/service/postrm" purge
  else
    "$top/core/service/postrm" remove
  fi
}

verb_package() {
  [ $# -eq 0 ] || die "package takes no arguments"
  # shellcheck disable=SC2046  # a list of words on purpose
  install_packages $(packages_build) $(packages_package)
  build_product
  as_builder cpack --config "$top/build/CPackConfig.cmake" -G DEB -B "$top/build"
}

case ${1:-} in
deps | build | run | test | bench | install | uninstall | package)
  verb=$1
  shift
  "verb_$verb" "$@"
  ;;
'' | -h | --help | help) usage ;;
*)
  usage >&2
  die "there is no verb \"$1\""
  ;;
esac
