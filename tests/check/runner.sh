#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016
#
# The runner's own arithmetic, and its eye for what a run leaves behind: a small project whose tests
# pass, fail, crash, hang, are missing, leak after a clean sum, sum up several times, or pass alone
# only, and what the runner must make of it.
set -euo pipefail

top=$(dirname "$(dirname "$(dirname "$(readlink -f "$0")")")")
. "$top/tests/lane.sh"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
checks=0
failures=0

# sums 'PASSED FAILED' 'SHELL OF A TEST'...
sums() {
  local want=$1 got number=0
  shift
  checks=$((checks + 1))
  rm -rf "$scratch/build"
  {
    echo 'cmake_minimum_required(VERSION 3.25)'
    echo 'project(sums NONE)'
    echo 'enable_testing()'
    for test in "$@"; do
      number=$((number + 1))
      case $test in
      /*) echo "add_test(NAME t$number COMMAND $test)" ;;
      *) echo "add_test(NAME t$number COMMAND sh -c [[$test]])" ;;
      esac
      echo "set_tests_properties(t$number PROPERTIES TIMEOUT 1 LABELS sums)"
    done
  } >"$scratch/CMakeLists.txt"
  cmake -S "$scratch" -B "$scratch/build" >/dev/null
  ctest_lane sums "$scratch/build" 2 >"$scratch/said" 2>/dev/null
  got="$lane_passed $lane_failed"
  if [ "$got" != "$want" ]; then
    failures=$((failures + 1))
    printf 'counted %s, not %s, of:\n' "$got" "$want"
    printf '  %s\n' "$@"
  fi
}

clean='echo "100%: Checks: 3, Failures: 0, Errors: 0"'
sums '1 0' 'true'
sums '1 1' 'true' 'false'
sums '0 1' 'kill -SEGV $$'
sums '0 1' 'cat /dev/zero >/dev/null'
sums '0 1' '/nonexistent'
sums '1 1' '/nonexistent' 'true'
sums '3 0' "$clean"
sums '7 0' "$clean; echo '100%: Checks: 4, Failures: 0, Errors: 0'"
sums '1 2' 'echo "33%: Checks: 3, Failures: 1, Errors: 1"; exit 1'
sums '3 1' "$clean; exit 1"
sums '1 1' 'echo "50%: Checks: 2, Failures: 1, Errors: 0"'
# once NAME: fails the first time.
once() {
  echo "[ -e '$scratch/$1' ] || { touch '$scratch/$1'; echo '50%: Checks: 2, Failures: 1, Errors: 0'; exit 1; }; $clean"
}
# unsteady NAME...: of the sum before, those passed alone only.
unsteady() {
  checks=$((checks + 1))
  if [ "$lane_unsteady" != "$*" ]; then
    failures=$((failures + 1))
    echo "unsteady were '$lane_unsteady', not '$*'"
  fi
}
sums '4 0' "$(once a)" 'true'
unsteady t1
sums '3 1' "$(once b)" 'false'
unsteady t1
sums '0 1' false
unsteady
sums '9 0' "$(once c)" "$(once d)" "$(once e)"
sums '4 4' "$(once f)" "$(once g)" "$(once h)" "$(once i)"

# Two lanes beside each other.
sums '1 1' true false
checks=$((checks + 1))
ctest_lane 'none|sums' "$scratch/build" 2 >/dev/null 2>&1
if [ "$lane_passed $lane_failed" != '1 1' ] || [ ! -s "$scratch/build/Testing/none+sums.log" ]; then
  failures=$((failures + 1))
  echo "two lanes counted $lane_passed $lane_failed"
fi

# faults LANE 'LINE': what is said of the lane that ran last.
faults() {
  local got
  checks=$((checks + 1))
  got=$(lane_faults "$1")
  if [ "$got" != "$2" ]; then
    failures=$((failures + 1))
    echo "said of $1: '$got', not '$2'"
  fi
}
# One of the two is empty, which the other's tests do not make up for.
faults 'none|sums' 'none it holds no test'
ctest_lane none "$scratch/build" 2 >/dev/null 2>&1
faults none 'none it holds no test'
ctest_lane sums "$scratch/build" 2 >/dev/null 2>&1
faults sums ''

# A lane that does not exist, and what is left behind.
checks=$((checks + 1))
if "$top/tests/run.sh" nonsense >"$scratch/out" 2>&1 || ! grep -q 'no lane "nonsense"' "$scratch/out"; then
  failures=$((failures + 1))
  cat "$scratch/out"
fi

# leaves 'SHELL' 'LINE': in namespaces of its own, what the shell did shows as that line
leaves() {
  checks=$((checks + 1))
  if ! unshare --net --mount bash -c "mount -t sysfs sysfs /sys
    mount -t bpf bpf /sys/fs/bpf
    '$top/tests/residue.sh' >'$scratch/before'
    $1
    '$top/tests/residue.sh' >'$scratch/after'"; then
    failures=$((failures + 1))
  fi
  diff "$scratch/before" "$scratch/after" >"$scratch/out" || :
  if ! grep -q "^> $2" "$scratch/out"; then
    failures=$((failures + 1))
    echo "not seen as \"$2\": $1"
    cat "$scratch/out"
  fi
}
leaves 'ip link add left type veth peer name right' 'interface left@'
leaves 'tc qdisc add dev lo clsact' 'qdisc lo .*clsact'
leaves 'mkdir /sys/fs/bpf/microseg' 'pin /sys/fs/bpf/microseg'
leaves 'mount -t bpf bpf /mnt' 'mount bpf /mnt'
leaves 'mount -t tmpfs t /run; mkdir /run/microseg' 'file /run/microseg'

echo "100%: Checks: $checks, Failures: $failures, Errors: 0"
[ $failures -eq 0 ]
