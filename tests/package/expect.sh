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

# eventually COMMAND...: until it succeeds, $patience_s at most, a minute unless that is set.
eventually() {
  local round
  for ((round = 0; round < 5 * ${patience_s:-60}; round++)); do
    if "$@" >"$scratch/last" 2>&1; then
      return 0
    fi
    read -r -t 0.2 <> <(:) || :
  done
  cat "$scratch/last"
  return 1
}

never() {
  ! "$@"
}

sum_up() {
  echo "100%: Checks: $checks, Failures: $failures, Errors: 0"
  [ $failures -eq 0 ]
}
