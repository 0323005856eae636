#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_compile_count.sh PROGRAM: what the compiler costs, and what comes before it, counted in
# instructions, which do not depend on what else the machine does. Half as much again is too much:
# something grew that should not.
set -euo pipefail

program=$1
checks=0
failures=0

# costs FUNCTION SHAPE COUNT MILLIONS: that many million instructions when it was written
costs() {
  local count millions
  checks=$((checks + 1))
  count=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect="$1" \
    "$program" "$2" "$3" 2>&1 | sed -n 's/.*Collected : \([0-9]*\).*/\1/p')
  millions=$((count / 1000000))
  echo "$1, shape $2, $3 rules: $millions million instructions, of $4 when it was written"
  if [ "$millions" -lt $(($4 / 4)) ] || [ "$millions" -gt $(($4 * 3 / 2)) ]; then
    failures=$((failures + 1))
  fi
}
costs ms_compile 0 2000 14
costs ms_compile 1 2000 17
costs ms_compile 3 2000 15
costs ms_compile 3 8000 60
# Few enough that one thread does it all (core/policy/document_ahead.h). Three quarters are libfyaml's.
costs ms_document_parse 3 600 26
costs ms_policy_merge 3 8000 23

echo "100%: Checks: $checks, Failures: $failures, Errors: 0"
[ $failures -eq 0 ]
