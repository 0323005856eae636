#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_run.sh BUILD: the bench itself runs to its end and fills a document. What it says is not
# looked at: only that every table of the section is there, with numbers.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
build=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
checks=0
failures=0

for table in warm hit first stream; do
  printf '<!-- bench %s -->\n<!-- /bench %s -->\n' $table $table
done >"$scratch/document.md"
"$here/run.sh" --smoke --only program --doc "$scratch/document.md" --build "$build"

# has TEXT ROWS: that many lines of the document with a number behind the text
has() {
  checks=$((checks + 1))
  if [ "$(grep -cE "^\| $1.*\| [0-9]" "$scratch/document.md")" -ne "$2" ]; then
    failures=$((failures + 1))
    echo "not $2 rows of \"$1\" in:"
    cat "$scratch/document.md"
  fi
}
has '(TCP|UDP) over IPv[46], hit' 3
has '(IPv6 hit|denied packet|IPv4 hit under)' 4
has 'first packet' 5
has 'IPv[46], [0-9]+ ' 6
checks=$((checks + 1))
[ "$(find "$scratch/document" -name '*.svg' | wc -l)" -eq 4 ] || {
  failures=$((failures + 1))
  echo "not one plot a table"
}

echo "100%: Checks: $checks, Failures: $failures, Errors: 0"
[ $failures -eq 0 ]
