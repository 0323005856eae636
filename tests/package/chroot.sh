# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2154
#
# Sourced by the tests beside it, which set $build and $scratch and run in a mount namespace of their
# own: a clean system of the running distribution in $scratch/root, a layer over one that is made
# once and kept below the build folder, from the package sources of this machine.

make_root() {
  local codename base mirror
  codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  base=$build/chroot-$codename
  if [ ! -e "$base.complete" ]; then
    # shellcheck disable=SC2016  # apt's own variable
    mirror=$(apt-get indextargets --format '$(URI)' 'Created-By: Packages' |
      sed -n "s,/dists/$codename/main/.*,,p" | head -n 1)
    rm -rf "$base"
    debootstrap --variant=minbase "$codename" "$base" "$mirror" >"$base.log" 2>&1 || {
      cat "$base.log"
      return 1
    }
    # No service is started in there.
    printf '#!/bin/sh\nexit 101\n' >"$base/usr/sbin/policy-rc.d"
    chmod 755 "$base/usr/sbin/policy-rc.d"
    touch "$base.complete"
  fi
  mkdir -p "$scratch/root" "$scratch/layer"
  mount -t tmpfs tmpfs "$scratch/layer"
  mkdir "$scratch/layer/upper" "$scratch/layer/work"
  mount -t overlay overlay "$scratch/root" \
    -o "lowerdir=$base,upperdir=$scratch/layer/upper,workdir=$scratch/layer/work"
  mount -t proc proc "$scratch/root/proc"
  cp /etc/resolv.conf "$scratch/root/etc/resolv.conf"
}

drop_root() {
  umount -R "$scratch/root" "$scratch/layer" 2>/dev/null || :
}

# package VERSION: puts microseg_VERSION.deb into the root
package() {
  rm -rf "$scratch/cpack"
  (cd "$build" && cpack -G DEB -B "$scratch/cpack" -D CPACK_PACKAGE_VERSION="$1") \
    >"$scratch/cpack.log" 2>&1 || {
    cat "$scratch/cpack.log"
    return 1
  }
  mv "$scratch"/cpack/*.deb "$scratch/root/microseg_$1.deb"
}

inside() {
  chroot "$scratch/root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive \
    LC_ALL=C "$@"
}

# install_inside PACKAGE...
install_inside() {
  inside apt-get -q update >"$scratch/apt" 2>&1
  inside apt-get -q -y --no-install-recommends install "$@" >"$scratch/apt" 2>&1 </dev/null || {
    cat "$scratch/apt"
    return 1
  }
}
