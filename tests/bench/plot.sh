#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# plot.sh SAMPLES FOLDER: one SVG for every table that has samples.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
samples=$1
folder=$2
mkdir -p "$folder"

mapfile -t tables < <(grep -v '^#' "$here/tables.tsv")
for table in "${tables[@]}"; do
  name=${table%%$'\t'*}
  grep -q "^$name"$'\t' "$samples" || continue
  awk -f "$here/table.awk" -f "$here/plot.awk" -v plot="$name" -v to="$folder/$name.svg" \
    "$here/tables.tsv" "$here/goals.tsv" "$samples" | gnuplot
done
