#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# table.awk on fixed samples: the exact document, the exact data of a plot, and what it refuses.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
checks=0
failures=0

# same WHAT EXPECTED GOT
same() {
  checks=$((checks + 1))
  if ! diff -u "$2" "$3"; then
    failures=$((failures + 1))
    echo "$1 is not as expected"
  fi
}

printf 'warm\tone flow\tns a packet\tno-op\tmicroseg\tbaseline\nplain\trules\tms\t-\t-\t-\n' \
  >"$scratch/tables"
# Rounds in any order; ratios of single rounds (0.5, 0.3, 2) have another median than the ratio of medians (0.6).
tr ' ' '\t' >"$scratch/samples" <<'SAMPLES'
#run today,_here
warm hit no-op 0 10.00
warm hit microseg 0 15.00
warm hit baseline 0 20.00
warm hit microseg 2 50.00
warm hit baseline 2 30.00
warm hit no-op 2 10.00
warm hit no-op 1 20.00
warm hit microseg 1 32.00
warm hit baseline 1 60.00
warm v6 no-op 0 10.00
warm v6 microseg 0 14.00
plain 10 engine 0 linear
plain 10 compile 0 0.05
plain 100000 compile 0 does_not_fit
SAMPLES
cat >"$scratch/document" <<'DOCUMENT'
before
<!-- bench warm -->
old
<!-- /bench warm -->
between
<!-- bench plain -->
<!-- /bench plain -->
<!-- bench other -->
kept
<!-- /bench other -->
DOCUMENT
cat >"$scratch/expected" <<'DOCUMENT'
before
<!-- bench warm -->
| one flow | no-op | microseg | baseline | microseg / baseline |
|---|---:|---:|---:|---:|
| hit | 10 (10–15) | 12 (8.5–26) | 20 (15–30) | 0.50 (0.40–1.25) |
| v6 | 10 | 4.0 |  |  |

*ns a packet, net of the no-op; median (quartiles); today,_here*
<!-- /bench warm -->
between
<!-- bench plain -->
| rules | engine | compile |
|---|---:|---:|
| 10 | linear | 0.050 |
| 100000 |  | does_not_fit |

*ms; median (quartiles); today,_here*
<!-- /bench plain -->
<!-- bench other -->
kept
<!-- /bench other -->
DOCUMENT
awk -f "$here/table.awk" "$scratch/tables" "$scratch/samples" "$scratch/document" >"$scratch/got"
same "the document" "$scratch/expected" "$scratch/got"
awk -f "$here/table.awk" "$scratch/tables" "$scratch/samples" "$scratch/got" >"$scratch/again"
same "the document written twice" "$scratch/expected" "$scratch/again"

printf 'row\tmicroseg\tbaseline\nhit\t12\t20\nv6\t4\t-\n' >"$scratch/expected"
awk -f "$here/table.awk" -v data=warm "$scratch/tables" "$scratch/samples" >"$scratch/got"
same "the plot's data" "$scratch/expected" "$scratch/got"

printf 'row\tcompile\n10\t0.05\n100000\t-\n' >"$scratch/expected"
awk -f "$here/table.awk" -v data=plain "$scratch/tables" "$scratch/samples" >"$scratch/got"
same "the data of a plot of few figures" "$scratch/expected" "$scratch/got"

# A table nobody defined, and a document without its second marker.
printf 'nobody\thit\tno-op\t0\t10.00\n' >"$scratch/wrong"
printf 'before\n<!-- bench warm -->\n' >"$scratch/open"
checks=$((checks + 2))
if awk -f "$here/table.awk" "$scratch/tables" "$scratch/wrong" "$scratch/document" \
  >/dev/null 2>"$scratch/said" || ! grep -q 'no table is called nobody' "$scratch/said"; then
  failures=$((failures + 1))
  echo "a sample of an unknown table was taken"
fi
if awk -f "$here/table.awk" "$scratch/tables" "$scratch/samples" "$scratch/open" >/dev/null; then
  failures=$((failures + 1))
  echo "a table without an end was written"
fi

echo "100%: Checks: $checks, Failures: $failures, Errors: 0"
[ $failures -eq 0 ]
