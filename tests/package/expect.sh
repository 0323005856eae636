# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2154
#
# Sourced by the tests beside it, which set $scratch: counted expectations, summed up the way libcheck does.

checks=0
failures=0

# expect 'WHAT' COMMAND...
expect() {
  local what=$1
  shift
  checks=$((checks + 1))
  if ! "$@" >"$scratch/out" 2>&1 </dev/null; then
    failures=$((failures + 1))
    echo "not so: $what"
    sed 's/^/  | /' "$scratch/out"
  fi
}

never() {
  ! "$@"
}

sum_up() {
  echo "100%: Checks: $checks, Failures: $failures, Errors: 0"
  [ $failures -eq 0 ]
}
