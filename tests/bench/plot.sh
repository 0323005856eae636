#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# plot.sh SAMPLES FOLDER: one SVG for every table that has samples.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
samples=$1
folder=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$folder"

mapfile -t tables < <(grep -v '^#' "$here/tables.tsv")
for table in "${tables[@]}"; do
  IFS=$'\t' read -r name heading unit _ <<<"$table"
  grep -q "^$name"$'\t' "$samples" || continue
  awk -f "$here/table.awk" -v data="$name" "$here/tables.tsv" "$here/goals.tsv" "$samples" \
    >"$scratch/data"
  # Where one bar would hide the others, the axis is logarithmic; else it has 0, from which costs may
  # differ in both directions where noise is all there is.
  scale=$(awk -F'\t' 'NR > 1 { for (i = 2; i <= NF; i++) if ($i > 0) {
      if (min == "" || $i < min) min = $i
      if ($i > max) max = $i } }
    END { print (min > 0 && max / min > 30) ? "set logscale y" : "set yrange [*<0:0<*]" }' "$scratch/data")
  columns=$(head -1 "$scratch/data" | awk -F'\t' '{ print NF }')
  gnuplot <<PLOT
set terminal svg size 900,420 font "sans,12" background "white"
set output "$folder/$name.svg"
set datafile separator "\t"
set datafile missing "-"
set title "$heading"
set ylabel "$unit"
set style data histograms
set style histogram clustered gap 1
set style fill solid 0.85 border -1
set boxwidth 0.9
set grid ytics
set key top left
set xtics rotate by -20
$scale
plot for [i=2:$columns] "$scratch/data" using i:xtic(1) title columnheader(i)
PLOT
done
