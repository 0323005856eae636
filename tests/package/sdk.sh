#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: sdk.sh ROOT BUILD
#
# As somebody who has installed microseg and never seen its tree: the project goes into a prefix, and
# from then on only that prefix is used. The teaching plugins and one in C++ are built there with the CMake
# package, and with pkg-config and make, looked at as the host looks at them, and run by their own tests. Then
# docs/plugin-sdk.md is followed to the letter: its files are written, its commands are run. What came of it
# all runs in the daemon of that prefix, under packets.
set -euo pipefail

root=$(readlink -f "$1")
build=$(readlink -f "$2")
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/package/expect.sh
. "$here/expect.sh"
# shellcheck source=tests/package/sdk_traffic.sh
. "$here/sdk_traffic.sh"

# A plugin is loaded from folders that nobody but root may write, so not from below /tmp: a file system
# of this test's own.
if [ "${MS_PACKAGE_NAMESPACE:-}" != "$$" ]; then
  MS_PACKAGE_NAMESPACE=$$ exec unshare --mount --net "$0" "$@"
fi
mount -t tmpfs -o mode=0755 tmpfs /opt
scratch=/opt
mkdir "$scratch/home" "$scratch/copies"

# What lies below /etc stays in DESTDIR.
prefix=$scratch/microseg
expect 'the project installs' env DESTDIR="$scratch/dest" cmake --install "$build" --prefix "$prefix"
mv "$scratch/dest$prefix" "$prefix"
examples=$prefix/share/doc/microseg/examples

# A tree that is read in spite of all is seen by what the compilers say they read.
outside() {
  env -i HOME="$scratch/home" PATH="$prefix/bin:$PATH" CMAKE_PREFIX_PATH="$prefix" \
    PKG_CONFIG_PATH="$prefix/lib/pkgconfig" CMAKE_BUILD_TYPE=Release "$@"
}

reads_only_the_prefix() {
  find "$1" -name '*.d' -print -quit | grep -q . && ! grep -rlF -e "$root/" --include='*.d' "$1"
}

# What the host refuses a file for, looked at with other tools than its own.
is_a_plugin() {
  local symbols
  symbols=$(nm -D --defined-only "$1" | awk '{ print $3 }')
  [ "$symbols" = ms_plugin_descriptor ] &&
    readelf -nW "$1" | grep -q '^ *microseg ' &&
    ! readelf -dW "$1" | grep -E 'RPATH|RUNPATH|TEXTREL' &&
    readelf -lW "$1" | grep -E 'GNU_STACK .* RW ' &&
    readelf -dW "$1" | grep -qE 'BIND_NOW|NOW'
}

# The host itself, in a tree that has one: the file is trusted, described, and created with this
# configuration; the programs of its actions are loaded and run.
is_tried() {
  local name=$1 config=$2 host=$prefix/libexec/microseg/microseg-plugin-host
  [ -d "$root/core/pluginhost" ] || return 0
  echo "$config" >"$scratch/config"
  expect "$name: the host tries it" outside sh -c "'$host' --try '$name' \
    --plugin-dir '$prefix/lib/microseg/plugins' <'$scratch/config' && microsegctl plugin probe '$name'"
  cp "$scratch/out" "$scratch/said"
  expect "$name: and says what it is" grep -q "^plugin  *$name 1.0\$" "$scratch/said"
}

plugin_of_cmake() {
  local name=$1
  cp -r "${2:-$examples/$name}" "$scratch/copies/$name"
  cd "$scratch/copies/$name"
  expect "$name: cmake finds the package" outside cmake -B build -Wno-dev
  expect "$name: builds" outside cmake --build build -v
  cp "$scratch/out" "$scratch/said"
  expect "$name: without a warning" never grep 'warning:' "$scratch/said"
  expect "$name: from the prefix alone" reads_only_the_prefix build
  expect "$name: is a plugin" is_a_plugin "build/plugins/$name.so"
  expect "$name: its own test" outside ctest --test-dir build --output-on-failure --no-tests=error
  expect "$name: installs" outside cmake --install build
  expect "$name: to where plugins are" cmp "build/plugins/$name.so" \
    "$prefix/lib/microseg/plugins/$name.so"
}

plugin_of_make() {
  local name=$1
  cp -r "$examples/$name" "$scratch/copies/$name.make"
  cd "$scratch/copies/$name.make"
  expect "$name, make: builds" outside make BPFTOOL="$bpftool"
  cp "$scratch/out" "$scratch/said"
  expect "$name, make: without a warning" never grep 'warning:' "$scratch/said"
  expect "$name, make: from the prefix alone" reads_only_the_prefix .
  expect "$name, make: is a plugin" is_a_plugin "$name.so"
  expect "$name, make: its own test" outside make BPFTOOL="$bpftool" test
  expect "$name, make: installs" outside make BPFTOOL="$bpftool" install
  expect "$name, make: to where plugins are" cmp "$name.so" "$prefix/lib/microseg/plugins/$name.so"
}

bpftool=$(sed -n 's/^MS_BPFTOOL:[A-Z]*=//p' "$build/CMakeCache.txt")
expect 'pkg-config knows the ABI' outside pkg-config --exists 'microseg >= 0.1'
expect 'and which it is' grep -qx 'abi=1\.[0-9]*' "$prefix/lib/pkgconfig/microseg.pc"
for example in "$examples"/*; do
  name=${example##*/}
  expect "$name is not installed unasked" never test -e "$prefix/lib/microseg/plugins/$name.so"
done
plugin_of_cmake example_static
is_tried example_static '{ "file": ["/run/names"], "every": ["1s"] }'
plugin_of_cmake example_count
is_tried example_count null
plugin_of_cmake ttl_guard
is_tried ttl_guard null
plugin_of_cmake cxx_length "$here/sdk_cxx"
is_tried cxx_length null
plugin_of_make example_count
is_tried example_count null

# A block of code below a line "`FILE`:" is that file; "$ " in a console block is a command.
tutorial() {
  awk '
    /^`[^` ]+`:$/ { file = $0; gsub(/[`:]/, "", file); next }
    /^```console$/ { console = 1; next }
    /^```[a-z]+$/ && file { print "cat >" file " <<\047END OF FILE\047"; writing = 1; next }
    /^```$/ { if (writing) { print "END OF FILE"; file = "" } writing = console = 0; next }
    writing { print; next }
    console && sub(/^\$ /, "") { gsub(/sudo /, ""); print "echo \"+ " $0 "\""; print }
  ' "$prefix/share/doc/microseg/plugin-sdk.md"
}

mkdir "$scratch/copies/tutorial"
cd "$scratch/copies/tutorial"
tutorial >"$scratch/tutorial"
expect 'plugin-sdk.md: its files and commands' outside BPFTOOL="$bpftool" bash -eu "$scratch/tutorial"
cp "$scratch/out" "$scratch/said"
expect 'has files and commands' test "$(grep -c '^+ ' "$scratch/said")" -ge 15
expect 'of which two run a test' test \
  "$(grep -c 'tests passed, 0 tests failed out of 1' "$scratch/said")" = 2
expect 'and one tries a source as its settings say' grep -q 'Tried as .*microseg.yaml configures it' \
  "$scratch/said"
expect 'which give no warning' never grep 'warning:' "$scratch/said"
for name in max_length resolvers; do
  expect "$name is a plugin" is_a_plugin "$prefix/lib/microseg/plugins/$name.so"
done

run_taught

# The page for man, too.
mkdir "$scratch/copies/man"
cd "$scratch/copies/man"
sed -n 's/^\$ \(sudo \)\{0,1\}//p' "$prefix/share/man/man7/microseg-plugin.7" >"$scratch/man"
expect 'microseg-plugin.7: its commands' outside bash -eux "$scratch/man"
cp "$scratch/out" "$scratch/said"
expect 'of which one runs a test' grep -q 'tests passed, 0 tests failed out of 1' "$scratch/said"
expect 'and one asks whether the host takes it' grep -q '^plugin  *example_count 1.0$' "$scratch/said"

# What it says then: the copy denies.
cat >"$scratch/denies" <<'END OF FILE'
cd example_count
sed -i 's/now->large++;/return now->large++, ms_action_end(skb, MS_VERDICT_DENY);/' example_count.bpf.c
sed -i 's/MS_PLUGIN_ACTION_OBSERVES/MS_PLUGIN_ACTION_ENDS/' plugin.c
sed -i '/packet.size = 101/,/did.way/s/MS_ACTION_WENT_ON/MS_ACTION_ENDED/' test.c
cmake --build build
ctest --test-dir build --output-on-failure --no-tests=error
cmake --install build
microsegctl plugin probe example_count
END OF FILE
expect 'a copy that denies, as it says' outside bash -eux "$scratch/denies"

sum_up
