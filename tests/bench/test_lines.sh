#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_lines.sh BENCH: what a look-up is made of, counted, which does not depend on what else the
# machine does. A tenth more is too much: something grew that should not. Far fewer were not counted.
set -euo pipefail

samples=$("$1" --only lines --quick)
checks=0
failures=0

# reads ROW COLUMN COUNT: that many when it was written
reads() {
  local count
  checks=$((checks + 1))
  count=$(awk -F '\t' -v row="$1" -v column="$2" '$2 == row && $3 == column { print $5 }' <<<"$samples")
  echo "$1: $2 $count, of $3 when it was written"
  if ! awk -v count="$count" -v written="$3" \
    'BEGIN { exit !(count <= written * 1.1 && count >= written / 2) }'; then
    failures=$((failures + 1))
  fi
}
reads 'acl-shaped, 10000 rules' lines 23.8
reads 'acl-shaped, 10000 rules' 'lines, p99' 30
reads 'acl-shaped, 10000 rules' steps 3.8
reads 'fw-shaped, 10000 rules' lines 38.5
reads 'fw-shaped, 10000 rules' 'lines, p99' 49
reads 'fw-shaped, 10000 rules' steps 8.9
reads 'ipc-shaped, 10000 rules' lines 32.4
reads 'micro-shaped, 10000 rules' lines 27.3
# The whole of what is read, too: what is laid out more widely costs lines of the cache.
reads 'acl-shaped, 10000 rules' 'read by any (kB)' 1075
reads 'micro-shaped, 10000 rules' 'read by any (kB)' 1167

echo "100%: Checks: $checks, Failures: $failures, Errors: 0"
[ $failures -eq 0 ]
