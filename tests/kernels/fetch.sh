#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: fetch.sh META DIR
#
# Unpacks the kernel that the package META depends on below DIR (nothing is installed) and prints
# its version. What is there already is not fetched again; who asks meanwhile waits.
set -euo pipefail

meta=$1
dir=$(readlink -m "$2")
mkdir -p "$dir"
exec 9>"$dir/lock"
flock 9

newest() {
  apt-cache depends "$meta" 2>/dev/null | sed -n 's/.*Depends: \(linux-image-[^ ]*\)$/\1/p'
}

package=$(newest)
if [ -z "$package" ]; then
  apt-get -q update >&2
  package=$(newest)
fi
[ -n "$package" ] || {
  echo "fetch.sh: no package source here has $meta" >&2
  exit 1
}
version=${package#linux-image-}

if [ ! -e "$dir/$version/complete" ]; then
  rm -rf "${dir:?}/$version"
  mkdir -p "$dir/$version"
  cd "$dir/$version"
  # The list may be older than what the mirror still holds.
  apt-get -q download "$package" >&2 || {
    apt-get -q update >&2
    apt-get -q download "$package" >&2
  }
  dpkg-deb -x linux-image-*.deb .
  rm linux-image-*.deb
  depmod -b . "$version"
  touch complete
fi
echo "$version"
