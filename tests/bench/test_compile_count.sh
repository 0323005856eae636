#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_compile_count.sh PROGRAM: what the compiler costs, counted in instructions, which do not depend
# on what else the machine does. Half as much again is too much: something grew that should not.
set -euo pipefail

program=$1
checks=0
failures=0

# costs SHAPE COUNT MILLIONS: that many million instructions when it was written
costs() {
  local count millions
  checks=$((checks + 1))
  count=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect=ms_compile \
    "$program" "$1" "$2" 2>&1 | sed -n 's/.*Collected : \([0-9]*\).*/\1/p')
  millions=$((count / 1000000))
  echo "shape $1, $2 rules: $millions million instructions, of $3 when it was written"
  if [ "$millions" -lt $(($3 / 4)) ] || [ "$millions" -gt $(($3 * 3 / 2)) ]; then
    failures=$((failures + 1))
  fi
}
costs 0 2000 13
costs 1 2000 12
costs 3 2000 13
costs 3 8000 51

echo "100%: Checks: $checks, Failures: $failures, Errors: 0"
[ $failures -eq 0 ]
