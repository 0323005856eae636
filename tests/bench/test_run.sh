#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_run.sh BUILD: all of the bench runs to its end, on tiny sizes, and fills a document. What it
# says is not looked at: only that every table is there, with numbers and a plot.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
build=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
checks=0
failures=0

mapfile -t tables < <(sed -n 's/^\([a-z0-9_]*\)\t.*/\1/p' "$here/tables.tsv")
for table in "${tables[@]}"; do
  printf '<!-- bench %s -->\n<!-- /bench %s -->\n' "$table" "$table"
done >"$scratch/document.md"
"$here/run.sh" --smoke --doc "$scratch/document.md" --build "$build"

# has TABLE ROWS: that many lines with a number behind their name
has() {
  local rows
  checks=$((checks + 1))
  rows=$(sed -n "/^<!-- bench $1 -->/,/^<!-- .bench $1 -->/p" "$scratch/document.md" |
    grep -cE '^\| .*\| [0-9]' || true)
  if [ "$rows" -ne "$2" ]; then
    failures=$((failures + 1))
    echo "$rows rows instead of $2 in $1"
  fi
}
has costs 11
has warm 3
has hit 3
has action 1
has hit_parts 13
has first 2
has insert 3
has store 3
has stream 2
has classify 7
has classify_spread 7
has classify_wait 1
has classify_lines 4
has compile 2
has change 4
has member 6
has commit 1
has daemon 1
has rule_memory 4
has session_memory 2
has flood 2
has attach 2
has attach_bare 2
has burst 2
has attach_reload 2
has gap 3
has hook 1
has hook_rules 1
has tcp 3

for table in "${tables[@]}"; do
  checks=$((checks + 1))
  if [ ! -s "$scratch/document/$table.svg" ] ||
    ! grep -qF "![$table](document/$table.svg)" "$scratch/document.md"; then
    failures=$((failures + 1))
    echo "table $table has no plot"
  fi
done
[ $failures -eq 0 ] || cat "$scratch/document.md"

# A run of some sections says so below their tables, and nowhere else.
"$here/run.sh" --smoke --only costs --doc "$scratch/document.md" --build "$build"
checks=$((checks + 1))
if [ "$(grep -c ', smoke run of costs alone, Linux' "$scratch/document.md")" -ne 1 ] ||
  [ "$(grep -c ', smoke run, Linux' "$scratch/document.md")" -ne $((${#tables[@]} - 1)) ]; then
  failures=$((failures + 1))
  echo "tables do not say which run they are of"
fi

# Where nothing was measured, what stands there keeps its date, which has only minutes.
sed -i 's/20[0-9-]* [0-9:]* UTC/long ago/' "$scratch/document.md"
before=$(cat "$scratch/document.md")
checks=$((checks + 1))
if "$here/run.sh" --smoke --only nothing --doc "$scratch/document.md" --build "$build" ||
  [ "$(cat "$scratch/document.md")" != "$before" ]; then
  failures=$((failures + 1))
  echo "tables were written of nothing measured"
fi

echo "100%: Checks: $checks, Failures: $failures, Errors: 0"
[ $failures -eq 0 ]
