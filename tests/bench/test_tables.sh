#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# table.awk on fixed samples: the exact document, the exact data of a plot, and what it refuses; and
# the goals are goals of something that is measured.
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

printf 'warm\tone flow\tns a packet\tno-op\tmicroseg\tbaseline,lru\nplain\trules\tms\t-\t-\t-\n' \
  >"$scratch/tables"
printf '%s\t%s\t%s\t%s\t%s\n' '# none' . a '<=' 1 warm ^one 'microseg / lru' '<=' 0.4 \
  warm '^(hit|v6)' 'microseg / baseline' '<=' 0.25 plain '^10$' compile '>=' 0.01 \
  plain '^100000$' compile '<=' 2 >"$scratch/goals"
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
warm one no-op 0 10.00
warm one microseg 0 14.00
warm one lru 0 20.00
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
| one flow | no-op | microseg | baseline | lru | microseg / baseline | goal | microseg / lru | goal |
|---|---:|---:|---:|---:|---:|---:|---:|---:|
| hit | 10 (10–15) | 12 (8.5–26) | 20 (15–30) |  | 0.50 (0.40–1.25) | ≤ 0.25, missed |  |  |
| v6 | 10 | 4.0 |  |  |  | ≤ 0.25 |  |  |
| one | 10 | 4.0 |  | 10 |  |  | 0.40 | ≤ 0.4, met |

*ns a packet, net of the no-op; median (quartiles); today,_here*

![warm](plots/warm.svg)
<!-- /bench warm -->
between
<!-- bench plain -->
| rules | engine | compile | goal |
|---|---:|---:|---:|
| 10 | linear | 0.050 | ≥ 0.01, met |
| 100000 |  | does_not_fit | ≤ 2 |

*ms; median (quartiles); today,_here*

![plain](plots/plain.svg)
<!-- /bench plain -->
<!-- bench other -->
kept
<!-- /bench other -->
DOCUMENT
awk -f "$here/table.awk" -v folder=plots "$scratch/tables" "$scratch/goals" "$scratch/samples" \
  "$scratch/document" >"$scratch/got"
same "the document" "$scratch/expected" "$scratch/got"
awk -f "$here/table.awk" -v folder=plots "$scratch/tables" "$scratch/goals" "$scratch/samples" \
  "$scratch/got" >"$scratch/again"
same "the document written twice" "$scratch/expected" "$scratch/again"

printf 'row\tmicroseg\tbaseline\tlru\nhit\t12\t20\t-\nv6\t4\t-\t-\none\t4\t-\t10\n' >"$scratch/expected"
awk -f "$here/table.awk" -v data=warm "$scratch/tables" "$scratch/goals" "$scratch/samples" >"$scratch/got"
same "the plot's data" "$scratch/expected" "$scratch/got"

printf 'row\tcompile\n10\t0.05\n100000\t-\n' >"$scratch/expected"
awk -f "$here/table.awk" -v data=plain "$scratch/tables" "$scratch/goals" "$scratch/samples" >"$scratch/got"
same "the data of a plot of few figures" "$scratch/expected" "$scratch/got"

# A table nobody defined, and a document without its second marker.
printf 'nobody\thit\tno-op\t0\t10.00\n' >"$scratch/wrong"
printf 'before\n<!-- bench warm -->\n' >"$scratch/open"
checks=$((checks + 2))
if awk -f "$here/table.awk" "$scratch/tables" "$scratch/goals" "$scratch/wrong" "$scratch/document" \
  >/dev/null 2>"$scratch/said" || ! grep -q 'no table is called nobody' "$scratch/said"; then
  failures=$((failures + 1))
  echo "a sample of an unknown table was taken"
fi
if awk -f "$here/table.awk" "$scratch/tables" "$scratch/goals" "$scratch/samples" "$scratch/open" >/dev/null; then
  failures=$((failures + 1))
  echo "a table without an end was written"
fi

# A goal of a quotient that no table makes would never be seen.
checks=$((checks + 1))
if ! awk -F'\t' '/^#/ { next }
    FILENAME == ARGV[1] { n = split($6, below, ","); tables[$1]
      for (i = 1; i <= n; i++) quotients[$1, $5 " / " below[i]]; next }
    !($1 in tables) || NF != 5 || $3 ~ " / " && !(($1, $3) in quotients) {
      print "no such figure: " $0; bad = 1 }
    END { exit bad }' "$here/tables.tsv" "$here/goals.tsv"; then
  failures=$((failures + 1))
fi

# What costs less than the device that nobody looks at has a plot, too.
checks=$((checks + 1))
printf 'hook\t1\t%s\t0\t%s\n' nothing 900 no-op 411 microseg 667 lru_hash 593 'nft ct state' 760 \
  >"$scratch/below"
if ! "$here/plot.sh" "$scratch/below" "$scratch/plots" || [ ! -s "$scratch/plots/hook.svg" ]; then
  failures=$((failures + 1))
  echo "costs below 0 have no plot"
fi

echo "100%: Checks: $checks, Failures: $failures, Errors: 0"
[ $failures -eq 0 ]
