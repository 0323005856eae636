# SPDX-License-Identifier: GPL-2.0-or-later
#
# Samples to tables.
#
#   awk -f table.awk tables.tsv SAMPLES DOCUMENT       the document with its tables replaced
#   awk -f table.awk -v data=NAME tables.tsv SAMPLES   the medians of one table, for gnuplot
#
# A table stands between the lines "<!-- bench NAME -->" and "<!-- /bench NAME -->"; one that has no
# sample stays as it is. A cell is the median over the rounds and, in brackets, the quartiles; a
# quotient is taken within each round first. A sample that is no number is shown as it is.

BEGIN { FS = "\t" }

FNR == 1 { file++ }

file == 1 && !/^#/ {
  heading[$1] = $2
  unit[$1] = $3
  floor_of[$1] = $4
  above[$1] = $5
  below[$1] = $6
}

file == 2 && /^#run\t/ { caption = $2 }

file == 2 && !/^#/ && NF == 5 {
  if (!($1 in heading)) {
    print FILENAME ":" FNR ": no table is called " $1 >"/dev/stderr"
    exit 1
  }
  if (!(($1, $2) in row_seen)) {
    row_seen[$1, $2]
    rows[$1, ++n_rows[$1]] = $2
  }
  if (!(($1, $3) in column_seen)) {
    column_seen[$1, $3]
    columns[$1, ++n_columns[$1]] = $3
  }
  if ($5 !~ /^-?[0-9.]+$/)
    word[$1, $2, $3] = $5
  value[$1, $2, $3, $4] = $5
  if ($4 + 1 > rounds[$1, $2, $3])
    rounds[$1, $2, $3] = $4 + 1
}

file == 3 {
  if (!skipping)
    print
  if (match($0, /^<!-- bench [a-z0-9_]+ -->$/)) {
    name = $0
    gsub(/^<!-- bench | -->$/, "", name)
    if (name in n_rows) {
      write_table(name)
      skipping = 1
    }
  } else if (skipping && $0 == "<!-- /bench " name " -->") {
    print
    skipping = 0
  }
}

END {
  if (data != "")
    write_data(data)
  if (skipping)
    exit 1
}

# Sorts list[1..n].
function sort(list, n, i, j, kept) {
  for (i = 2; i <= n; i++) {
    kept = list[i]
    for (j = i - 1; j > 0 && list[j] > kept; j--)
      list[j + 1] = list[j]
    list[j + 1] = kept
  }
}

function quantile(list, n, share, place, low) {
  place = 1 + (n - 1) * share
  low = int(place)
  return low >= n ? list[n] : list[low] + (place - low) * (list[low + 1] - list[low])
}

function format(number, digits) {
  if (digits == "")
    digits = number < 0.095 && number > -0.095 ? 3 : number < 9.95 && number > -9.95 ? 1 : 0
  return sprintf("%." digits "f", number)
}

function spread(list, n, digits) {
  sort(list, n)
  if (n == 1)
    return format(list[1], digits)
  return format(quantile(list, n, 0.5), digits) " (" format(quantile(list, n, 0.25), digits) "–" \
    format(quantile(list, n, 0.75), digits) ")"
}

# The samples of a cell, net, into list; how many.
function samples(table, row, column, list, round, n, base) {
  base = floor_of[table]
  for (round = 0; round < rounds[table, row, column]; round++) {
    if (!((table, row, column, round) in value))
      continue
    list[++n] = value[table, row, column, round]
    if (column != base && (table, row, base, round) in value)
      list[n] -= value[table, row, base, round]
  }
  return n + 0
}

function cell(table, row, column, list, n) {
  if ((table, row, column) in word)
    return word[table, row, column]
  n = samples(table, row, column, list)
  return n ? spread(list, n) : ""
}

function quotient(table, row, over, under, ratios, round, n, m) {
  if ((table, row, above[table]) in word || (table, row, below[table]) in word)
    return ""
  n = samples(table, row, above[table], over)
  if (n == 0 || samples(table, row, below[table], under) != n)
    return ""
  for (round = 1; round <= n; round++)
    if (under[round] > 0)
      ratios[++m] = over[round] / under[round]
  return m ? spread(ratios, m, 2) : ""
}

function has(table, column) {
  return (table, column) in column_seen
}

function write_table(table, i, j, divided, line, rule) {
  divided = has(table, above[table]) && has(table, below[table])
  line = "| " heading[table] " |"
  rule = "|---|"
  for (j = 1; j <= n_columns[table]; j++) {
    line = line " " columns[table, j] " |"
    rule = rule "---:|"
  }
  if (divided) {
    line = line " " above[table] " / " below[table] " |"
    rule = rule "---:|"
  }
  print line
  print rule
  for (i = 1; i <= n_rows[table]; i++) {
    line = "| " rows[table, i] " |"
    for (j = 1; j <= n_columns[table]; j++)
      line = line " " cell(table, rows[table, i], columns[table, j]) " |"
    if (divided)
      line = line " " quotient(table, rows[table, i]) " |"
    print line
  }
  print ""
  print "*" unit[table] (has(table, floor_of[table]) ? ", net of the " floor_of[table] : "") \
    "; median (quartiles); " caption "*"
}

# Columns with a figure somewhere, but for what the others are net of.
function drawn(table, column, i) {
  if (column == floor_of[table])
    return 0
  for (i = 1; i <= n_rows[table]; i++)
    if ((table, rows[table, i], column) in rounds && !((table, rows[table, i], column) in word))
      return 1
  return 0
}

function median(table, row, column, list, n) {
  if ((table, row, column) in word)
    return "-"
  n = samples(table, row, column, list)
  if (n == 0)
    return "-"
  sort(list, n)
  return quantile(list, n, 0.5)
}

function write_data(table, i, j, line) {
  for (i = 0; i <= n_rows[table]; i++) {
    line = i ? rows[table, i] : "row"
    for (j = 1; j <= n_columns[table]; j++)
      if (drawn(table, columns[table, j]))
        line = line "\t" (i ? median(table, rows[table, i], columns[table, j]) : columns[table, j])
    print line
  }
}
