#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Builds the tests, runs the lanes that were asked for (all of them by default) one after another, but
# for kernels and package, which run beside each other at the end and have one sum, and ends with one
# line: "N passed, N failed", counted by test case over all lanes. A lane that cannot run, or that
# holds no test, has failed; so has a run that leaves something behind.
#
# Called by ./setup.sh test, which has installed what is needed. Root.
set -uo pipefail

top=$(dirname "$(dirname "$(readlink -f "$0")")")
cd "$top" || exit 1
. tests/lane.sh
jobs=$(nproc)
passed=0
failed=0
unsteady=

# A Debian kernel for the guest, and the tools that judge format and style, exist only on the
# reference distribution.
reference() {
  grep -q '^VERSION_CODENAME=bookworm' /etc/os-release
}

lanes=("$@")
if [ ${#lanes[@]} -eq 0 ]; then
  lanes=(unit check bpf netns fuzz sanitize)
  if reference; then
    lanes+=(kernels package)
  else
    lanes=(unit bpf netns fuzz sanitize)
    echo "Not Debian 12: lanes ${lanes[*]} only; check, kernels and package need its tools."
  fi
fi
for lane in "${lanes[@]}"; do
  case $lane in
  unit | check | bpf | netns | fuzz | kernels | package | sanitize) ;;
  *)
    echo "tests: there is no lane \"$lane\" (unit check bpf netns fuzz kernels package sanitize)" >&2
    exit 2
    ;;
  esac
done

say_failed() {
  echo "lane $1: $2"
  failed=$((failed + 1))
}

# run_lane LANE BUILD_DIR JOBS: LANE may be several, "A|B".
run_lane() {
  local lane=$1 dir=$2 start=$SECONDS label what
  ctest_lane "$@"
  passed=$((passed + lane_passed))
  failed=$((failed + lane_failed))
  while read -r label what; do
    say_failed "$label" "$what"
  done < <(lane_faults "$lane")
  if [ -n "$lane_unsteady" ]; then
    unsteady="$unsteady$(basename "$dir"): $lane_unsteady; "
  fi
  echo "lane $lane ($(basename "$dir")): $lane_passed passed, $lane_failed failed, $((SECONDS - start)) s"
}

build() {
  cmake --preset "$1" -Wno-dev >"build/$1.configure.log" 2>&1 || {
    cat "build/$1.configure.log"
    return 1
  }
  ninja -C "build/$1"
}

wants() {
  local lane
  for lane in "${lanes[@]}"; do
    [ "$lane" != "$1" ] || return 0
  done
  return 1
}

# Limits are there to end what hangs, not to judge how busy the machine is.
export CK_TIMEOUT_MULTIPLIER=${CK_TIMEOUT_MULTIPLIER:-5}

mkdir -p build
before=$(tests/residue.sh)

if ! build test; then
  say_failed build "the tests cannot be built"
  echo "$passed passed, $failed failed"
  exit 1
fi
# Tests of a lane run side by side: each has namespaces and a bpffs of its own; those that hold a rate
# against a clock are marked RUN_SERIAL.
for lane in unit check bpf; do
  if wants $lane; then
    run_lane $lane build/test "$jobs"
  fi
done
# These mostly wait.
if wants netns; then
  run_lane netns build/test $((2 * jobs))
fi
if wants fuzz; then
  run_lane fuzz build/test "$jobs"
fi
if wants sanitize; then
  export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:strict_string_checks=1
  export UBSAN_OPTIONS=print_stacktrace=1
  if build asan; then
    run_lane unit build/asan "$jobs"
    run_lane bpf build/asan "$jobs"
    run_lane netns build/asan $((jobs + 1))
  else
    say_failed sanitize "the sanitized tests cannot be built"
  fi
  unset ASAN_OPTIONS UBSAN_OPTIONS
fi
# Guests are each other's strangers and those of what is installed, whose tests go one after another
# (tests/package): they run at the same time.
guests=
for lane in kernels package; do
  if wants $lane; then
    guests=${guests:+$guests|}$lane
  fi
done
if [ -n "$guests" ]; then
  run_lane "$guests" build/test $((jobs + 1))
fi

after=$(tests/residue.sh)
if ! diff <(echo "$before") <(echo "$after") >build/residue.diff; then
  echo "The run left something behind (or took something away):"
  cat build/residue.diff
  say_failed residue "the machine is not as it was"
fi

if [ -n "$unsteady" ]; then
  echo "UNSTEADY, passed alone only: $unsteady"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
