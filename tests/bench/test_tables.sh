#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# table.awk and plot.awk on fixed samples: the exact document, what a plot has, and what is refused;
# and the goals are goals of something that is measured.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
top=$(dirname "$(dirname "$here")")
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

tr ':' '\t' >"$scratch/tables" <<'TABLES'
warm:one flow:ns a packet:no-op:microseg:baseline,lru
plain:rules:ms:-:-:-
rounds:pairs:packets:-:-:-:bars:passed;kept
grown:a look-up:ns:-:-:-:growth:mean;p50
tcp:TCP:1/s:-:microseg:nothing:shares:-
TABLES
tr ':' '\t' >"$scratch/goals" <<'GOALS'
# none:.:a:<=:1
warm:^one:microseg / lru:<=:0.4
warm:^(hit|v6):microseg / baseline:<=:0.25
plain:^10$:compile:>=:0.01
plain:^100000$:compile:<=:2
rounds:.:passed:<=:0:all
rounds:.:kept:>=:100:all
rounds:.:near:<=:0.5
rounds:.:far:<=:0.5
grown:a, 1000 rules:mean:<=:250
tcp:.:microseg / nothing:>=:0.97
GOALS
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
rounds 4 passed 0 0
rounds 4 passed 1 650
rounds 4 passed 2 0
rounds 4 kept 0 99.7
rounds 4 kept 1 100
rounds 4 kept 2 100
rounds 4 near 0 0.5004
rounds 4 far 0 0.4996
rounds 5 passed 0 0
rounds 5 passed 1 0
rounds 5 kept 0 100
SAMPLES
cat >"$scratch/document" <<'DOCUMENT'
before
<!-- bench warm -->
old
<!-- /bench warm -->
between
<!-- bench plain -->
<!-- /bench plain -->
<!-- bench rounds -->
<!-- /bench rounds -->
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
<!-- bench rounds -->
| pairs | passed | goal | kept | goal | near | goal | far | goal |
|---|---:|---:|---:|---:|---:|---:|---:|---:|
| 4 | 0.000 (0.000–325) | ≤ 0 in each round, missed: 650 | 100 (100–100) | ≥ 100 in each round, missed: 99.7 | 0.5004 | ≤ 0.5, missed | 0.5 | ≤ 0.5, met |
| 5 | 0.000 (0.000–0.000) | ≤ 0 in each round, met | 100 | ≥ 100 in each round, met |  | ≤ 0.5 |  | ≤ 0.5 |

*packets; median (quartiles); today,_here*

![rounds](plots/rounds.svg)
<!-- /bench rounds -->
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

# plots TABLE PATTERN...: each is found in the program for gnuplot, which draws something.
plots() {
  local table=$1 pattern
  shift
  awk -f "$here/table.awk" -f "$here/plot.awk" -v plot="$table" -v to="$scratch/$table.svg" \
    "$scratch/tables" "$scratch/goals" "$scratch/drawn" >"$scratch/program"
  checks=$((checks + 1))
  if ! gnuplot "$scratch/program" 2>"$scratch/said" || [ -s "$scratch/said" ] ||
    [ ! -s "$scratch/$table.svg" ]; then
    failures=$((failures + 1))
    echo "$table has no plot"
    cat "$scratch/said" "$scratch/program"
  fi
  for pattern in "$@"; do
    checks=$((checks + 1))
    if ! grep -qE -- "$pattern" "$scratch/program"; then
      failures=$((failures + 1))
      echo "the plot of $table has no $pattern"
      cat "$scratch/program"
    fi
  done
}
{
  cat "$scratch/samples"
  tr ' ' '\t' <<'SAMPLES'
rounds 6 passed 0 1
warm large no-op 0 10.00
warm large microseg 0 500.00
warm lru_hash no-op 0 10.00
warm lru_hash microseg 0 9.00
tcp bytes nothing 0 200
tcp bytes microseg 0 190
tcp calls nothing 0 50000
tcp calls microseg 0 49000
SAMPLES
  printf 'grown\ta, %s rules\t%s\t0\t%s\n' 10 mean 30 1000 mean 300 10 p50 20 1000 p50 200
  printf 'grown\tb, by itself, 10 rules\tmean\t0\t40\n'
} >"$scratch/drawn"

# Below 0 the axis is not logarithmic, names are as they are, and what is 0 is written.
plots warm 'xrange \[-1.1:' '^0 12 "12"$' '^[0-9]+ -1 "-1.0"$' noenhanced '"lru_hash" [0-9]'
plots rounds 'using 2:1:\(0.1\)' '^0 0.1 "0"$' '^1 100 "100"$' '^1 100$' 'title "goal"'
checks=$((checks + 1))
if grep -qE '(near|far)"' "$scratch/program"; then
  failures=$((failures + 1))
  echo "a plot has columns that it should not"
fi
plots plain '^0 0.05 "0.050"$'
# The goal of the second, that one had been there; each row in % of its first figure.
plots tcp 'xlabel "% of nothing"' '^0 100 "200"$' '^1 95 "190"$' '^4 98 "49000"$' '^1 97$'
plots grown 'logscale xy' '^10 30 20$' '^1000 300 200$' '^1000 250$' 'title "b, by itself"' '^10 40 -$'

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

# A goal that no figure of the page has would never be seen; a table that is empty shows none.
checks=$((checks + 1))
if ! awk -v tables="$here/tables.tsv" -v page="$top/docs/performance.md" '
    BEGIN {
      FS = "\t"
      while ((getline <tables) > 0)
        known[$1]
      FS = " *[|] *"
      while ((getline line <page) > 0) {
        if (line ~ /^<!-- bench /) { name = line; gsub(/^<!-- bench | -->$/, "", name); n = 0 }
        if (line !~ /^[|]/ || line ~ /^[|]---/) continue
        gsub(/^[|] | [|]$/, "", line)
        count = split(line, cells, / [|] /)
        if (!n++) { delete columns; for (i = 2; i <= count; i++) columns[i] = cells[i]; continue }
        measured[name] = 1
        for (i = 2; i in columns; i++)
          figures[++all] = name "\t" cells[1] "\t" columns[i]
      }
      FS = "\t"
    }
    /^#/ { next }
    { found = 0
      for (i = 1; i <= all && !found; i++) {
        split(figures[i], figure, "\t")
        found = figure[1] == $1 && figure[2] ~ $2 && figure[3] == $3
      }
      if (!($1 in known) || $1 in measured && !found ||
          !(NF == 5 || NF == 6 && $6 == "all") || $4 != "<=" && $4 != ">=") {
        print "no such figure: " $0; bad = 1 } }
    END { exit bad }' "$here/goals.tsv"; then
  failures=$((failures + 1))
fi

# Nor would anybody miss a table that was never measured.
checks=$((checks + 1))
if ! awk '
    /^<!-- bench [a-z0-9_]+ -->$/ { name = $3; is_empty = 1; next }
    /^[|]/ { is_empty = 0 }
    $0 == "<!-- /bench " name " -->" {
      if (is_empty) { print "docs/performance.md: the table " name " is empty"; bad = 1 }
    }
    END { exit bad }' "$top/docs/performance.md"; then
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
