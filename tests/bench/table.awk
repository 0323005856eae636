# SPDX-License-Identifier: GPL-2.0-or-later
#
# Samples to tables.
#
#   awk -f table.awk -v folder=PLOTS tables.tsv goals.tsv SAMPLES DOCUMENT
#                                  the document with its tables, and links to their plots, replaced
#
# A table stands between the lines "<!-- bench NAME -->" and "<!-- /bench NAME -->"; one that has no
# sample stays as it is. A cell is the median over the rounds and, in brackets, the quartiles; a
# quotient is taken within each round first. A sample that is no number is shown as it is. Beside a
# figure that has a goal stands the goal, and whether the median reaches it, or each single round.

BEGIN { FS = "\t" }

FNR == 1 { file++ }

file == 1 && !/^#/ {
  heading[$1] = $2
  unit[$1] = $3
  floor_of[$1] = $4
  above[$1] = $5
  below[$1] = $6
  kind[$1] = $7
  shown[$1] = $8
}

file == 2 && !/^#/ {
  if (!($1 in heading)) {
    print FILENAME ":" FNR ": no table is called " $1 >"/dev/stderr"
    exit 1
  }
  n_goals++
  goal_table[n_goals] = $1
  goal_rows[n_goals] = $2
  goal_of[n_goals] = $3
  goal_sign[n_goals] = $4
  goal_number[n_goals] = $5
  goal_is_of_all[n_goals] = $6 == "all"
}

file == 3 && /^#run\t/ { caption = $2 }

file == 3 && !/^#/ && NF == 5 {
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

file == 4 {
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

function digits_of(number) {
  return number < 0.095 && number > -0.095 ? 3 : number < 9.95 && number > -9.95 ? 1 : 0
}

function format(number, digits) {
  return sprintf("%." (digits == "" ? digits_of(number) : digits) "f", number)
}

function reaches(goal, number) {
  return goal_sign[goal] == "<=" ? number + 0 <= goal_number[goal] + 0 : number + 0 >= goal_number[goal] + 0
}

# As many digits as it takes to see on which side of its goal the number is; "" = as ever.
function digits_beside(goal, number, digits, all) {
  if (!goal || reaches(goal, format(number, digits)) == reaches(goal, number))
    return digits
  for (all = digits == "" ? digits_of(number) : digits; all < 6; all++)
    if (reaches(goal, format(number, all)) == reaches(goal, number))
      break
  return all
}

# Of a figure whose goal is `goal` (0 = it has none).
function spread(list, n, digits, goal) {
  sort(list, n)
  digits = digits_beside(goal_is_of_all[goal] ? 0 : goal, quantile(list, n, 0.5), digits)
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
  return n ? spread(list, n, "", find_goal(table, row, column)) : ""
}

# The quotients of single rounds, into ratios; how many.
function quotients(table, row, divisor, ratios, over, under, round, n, m) {
  if ((table, row, above[table]) in word || (table, row, divisor) in word)
    return 0
  n = samples(table, row, above[table], over)
  if (n == 0 || samples(table, row, divisor, under) != n)
    return 0
  for (round = 1; round <= n; round++)
    if (under[round] > 0)
      ratios[++m] = over[round] / under[round]
  return m + 0
}

function has(table, column) {
  return (table, column) in column_seen
}

# Of a figure, a column's or a quotient's.
function find_goal(table, row, figure, i) {
  for (i = 1; i <= n_goals; i++)
    if (goal_table[i] == table && goal_of[i] == figure && row ~ goal_rows[i])
      return i
  return 0
}

function has_goal(table, figure, i) {
  for (i = 1; i <= n_rows[table]; i++)
    if (find_goal(table, rows[table, i], figure))
      return 1
  return 0
}

# " goal |" behind the figure whose samples are list[1..n], if any row of the table has one for it.
function goal_cell(table, row, figure, list, n, goal, number, text) {
  if (!has_goal(table, figure))
    return ""
  goal = find_goal(table, row, figure)
  if (!goal)
    return "  |"
  text = (goal_sign[goal] == "<=" ? "≤ " : "≥ ") goal_number[goal]
  text = text (goal_is_of_all[goal] ? " in each round" : "")
  if (n == 0)
    return " " text " |"
  sort(list, n)
  number = !goal_is_of_all[goal] ? quantile(list, n, 0.5) : goal_sign[goal] == "<=" ? list[n] : list[1]
  if (reaches(goal, number))
    return " " text ", met |"
  # The cell has the median, which says nothing of one bad round.
  return " " text ", missed" \
    (goal_is_of_all[goal] ? ": " format(number, digits_beside(goal, number, "")) : "") " |"
}

function heading_cell(table, figure) {
  return " " figure " |" (has_goal(table, figure) ? " goal |" : "")
}

function rule_cell(table, figure) {
  return "---:|" (has_goal(table, figure) ? "---:|" : "")
}

function column_cell(table, row, column, list, n) {
  n = (table, row, column) in word ? 0 : samples(table, row, column, list)
  return " " cell(table, row, column) " |" goal_cell(table, row, column, list, n)
}

function quotient_cell(table, row, divisor, figure, ratios, n) {
  figure = above[table] " / " divisor
  n = quotients(table, row, divisor, ratios)
  return " " (n ? spread(ratios, n, 2, find_goal(table, row, figure)) : "") " |" \
    goal_cell(table, row, figure, ratios, n)
}

# What the table's column `above` is divided by, of what was measured, into list; how many.
function divisors(table, list, all, n, i, m) {
  if (!has(table, above[table]))
    return 0
  n = split(below[table], all, ",")
  for (i = 1; i <= n; i++)
    if (has(table, all[i]))
      list[++m] = all[i]
  return m + 0
}

function write_table(table, i, j, line, rule, list, n) {
  n = divisors(table, list)
  line = "| " heading[table] " |"
  rule = "|---|"
  for (j = 1; j <= n_columns[table]; j++) {
    line = line heading_cell(table, columns[table, j])
    rule = rule rule_cell(table, columns[table, j])
  }
  for (j = 1; j <= n; j++) {
    line = line heading_cell(table, above[table] " / " list[j])
    rule = rule rule_cell(table, above[table] " / " list[j])
  }
  print line
  print rule
  for (i = 1; i <= n_rows[table]; i++) {
    line = "| " rows[table, i] " |"
    for (j = 1; j <= n_columns[table]; j++)
      line = line column_cell(table, rows[table, i], columns[table, j])
    for (j = 1; j <= n; j++)
      line = line quotient_cell(table, rows[table, i], list[j])
    print line
  }
  print ""
  print "*" unit[table] (has(table, floor_of[table]) ? ", net of the " floor_of[table] : "") \
    "; median (quartiles); " caption "*"
  print ""
  print "![" table "](" folder "/" table ".svg)"
}
