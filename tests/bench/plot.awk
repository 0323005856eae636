# SPDX-License-Identifier: GPL-2.0-or-later
#
# Samples to one plot: a program for gnuplot.
#
#   awk -f table.awk -f plot.awk -v plot=NAME -v to=FILE.svg tables.tsv goals.tsv SAMPLES
#
# Medians, net. Bars lie on their side, so that rows may have long names; each says its figure, so
# that what is too small for the axis, or 0 on a logarithmic one, can be read. "shares": bars in % of
# the first column, for a table whose rows have different units. "growth": lines over the numbers in
# rows called "SHAPE, NUMBER rules", the second column of each shape dashed. Goals of what is drawn
# are drawn, too; of quotients only shares have any.

END {
  if (plot != "") {
    head(plot)
    if (kind[plot] == "growth")
      draw_growth(plot)
    else
      draw_bars(plot)
  }
}

# What is drawn of the table into list; how many.
function drawn(table, list, all, n, i, m) {
  if (shown[table] != "" && shown[table] != "-") {
    n = split(shown[table], all, ";")
    for (i = 1; i <= n; i++)
      if (has(table, all[i]))
        list[++m] = all[i]
    return m + 0
  }
  for (i = 1; i <= n_columns[table]; i++)
    if (columns[table, i] != floor_of[table] && has_figure(table, columns[table, i]))
      list[++m] = columns[table, i]
  return m + 0
}

function has_figure(table, column, i) {
  for (i = 1; i <= n_rows[table]; i++)
    if (median(table, rows[table, i], column) != "")
      return 1
  return 0
}

# "" = there is none.
function median(table, row, column, list, n) {
  if ((table, row, column) in word)
    return ""
  n = samples(table, row, column, list)
  if (n == 0)
    return ""
  sort(list, n)
  return quantile(list, n, 0.5)
}

function head(table) {
  unit_drawn = unit[table] (has(table, floor_of[table]) ? ", net of the " floor_of[table] : "")
  print "set output \"" to "\""
  print "set datafile missing \"-\""
  print "set title \"" heading[table] "\""
  print "set style fill solid 0.85 noborder"
  print "set format \"%.10g\""
  print "set key outside top center horizontal"
  print "set linetype cycle 10"
  split("#4c72b0 #dd8452 #55a868 #8172b3 #937860 #da8bc3 #8c8c8c #b5a642 #64b5cd #2f4f4f", colours, " ")
  for (i = 1; i <= 10; i++)
    print "set linetype " i " linewidth 2 pointtype 7 pointsize 0.5 linecolor rgb \"" colours[i] "\""
}

# ---- bars ----

# What a bar is long, and what is written at its end.
function measure_bar(table, row, column, first, figure, whole) {
  bar_length = bar_text = ""
  figure = median(table, row, column)
  if (figure == "")
    return
  bar_length = figure
  bar_text = figure == 0 ? 0 : format(figure)
  if (kind[table] == "shares") {
    whole = median(table, row, first)
    bar_length = whole > 0 ? 100 * figure / whole : ""
  }
}

# Of a figure, on the axis; "" = it has none.
function goal_on_axis(table, row, column, first, goal) {
  goal = find_goal(table, row, kind[table] == "shares" ? column " / " first : column)
  if (!goal)
    return ""
  return (kind[table] == "shares" ? 100 : 1) * goal_number[goal]
}

function take_range(number) {
  if (number == "")
    return
  if (number < 0)
    is_negative = 1
  if (number > most)
    most = number
  if (number < least)
    least = number
  if (number > 0 && (least_above_0 == "" || number < least_above_0))
    least_above_0 = number
}

function draw_bars(table, list, n, i, j, at, base, longest, tics, goals) {
  n = drawn(table, list)
  most = least = 0
  for (i = 1; i <= n_rows[table]; i++)
    for (j = 1; j <= n; j++) {
      measure_bar(table, rows[table, i], list[j], list[1])
      take_range(bar_length)
      take_range(goal_on_axis(table, rows[table, i], list[j], list[1]))
    }
  # Where one bar would hide the others; what is below 0 has no place there.
  if (!is_negative && kind[table] != "shares" && most > 30 * least_above_0) {
    for (base = 1; base > least_above_0 / 1.5; base /= 10)
      ;
    for (; base * 10 < least_above_0 / 1.5; base *= 10)
      ;
    print "set logscale x"
    print "set xrange [" base ":" most * (most / base) ^ 0.15 "]"
  } else {
    base = 0
    print "set xrange [" least * 1.1 ":" (most > 0 ? most * 1.15 : 1) "]"
  }
  for (i = 1; i <= n_rows[table]; i++) {
    at = (i - 1) * (n + 1)
    tics = tics (i > 1 ? ", " : "") "\"" rows[table, i] "\" " (at + (n - 1) / 2)
    if (length(rows[table, i]) > longest)
      longest = length(rows[table, i])
    for (j = 1; j <= n; j++) {
      measure_bar(table, rows[table, i], list[j], list[1])
      if (bar_length == "")
        continue
      if (base && bar_length < base)
        bar_length = base
      bars[j] = bars[j] sprintf("%s %s \"%s\"\n", at + j - 1, bar_length, bar_text)
      at_goal = goal_on_axis(table, rows[table, i], list[j], list[1])
      if (at_goal != "" && at_goal >= base)
        goals = goals sprintf("%s %s\n", at + j - 1, at_goal)
    }
  }
  # Of that up to a line of the legend for each column.
  print "set terminal svg noenhanced size 900," 110 + 17 * (n_rows[table] * (n + 1) + n + 1) \
    " font \"sans,12\" background \"white\""
  print "set xlabel \"" (kind[table] == "shares" ? "% of " list[1] : unit_drawn) "\""
  print "set lmargin " longest + 3
  print "set yrange [" n_rows[table] * (n + 1) - 0.5 ":-1]"
  print "set ytics scale 0 (" tics ")"
  print "set grid xtics"
  for (j = 1; j <= n; j++)
    printf "$c%d << EOD\n%sEOD\n", j, bars[j]
  if (goals != "")
    printf "$goals << EOD\n%sEOD\n", goals
  printf "plot "
  for (j = 1; j <= n; j++) {
    printf "%s$c%d using 2:1:(%s):2:($1-0.45):($1+0.45) with boxxyerror linetype %d title \"%s\"", \
      (j > 1 ? ", " : ""), j, base, j, list[j]
    printf ", $c%d using ($2>0?$2:0):1:3 with labels left offset 0.4,0 font \",9\" notitle", j
  }
  if (goals != "")
    printf ", $goals using 2:($1-0.5):(0):(1) with vectors nohead linewidth 3 linecolor rgb \"red\" title \"goal\""
  printf "\n"
}

# ---- lines ----

function draw_growth(table, list, n, i, j, k, row, size, shape, shapes, places, points, goals, x, goal, line, figure) {
  n = drawn(table, list)
  for (i = 1; i <= n_rows[table]; i++) {
    row = rows[table, i]
    if (row !~ /, [0-9]+ rules$/)
      continue
    shape = size = row
    sub(/, [0-9]+ rules$/, "", shape)
    gsub(/^.*, | rules$/, "", size)
    if (!(shape in places)) {
      places[shape] = ++k
      shapes[k] = shape
    }
    x = places[shape]
    line = size
    for (j = 1; j <= n; j++) {
      figure = median(table, row, list[j])
      take_range(figure)
      line = line " " (figure == "" ? "-" : figure)
      if (j > 1 && figure != "")
        has_second[x]
      goal = find_goal(table, row, list[j])
      if (goal) {
        take_range(goal_number[goal])
        goals[x] = goals[x] size " " goal_number[goal] "\n"
      }
    }
    points[x] = points[x] line "\n"
  }
  print "set terminal svg noenhanced size 900,620 font \"sans,12\" background \"white\""
  print "set logscale xy"
  print "set xlabel \"rules\" offset 0,0.5"
  print "set title \"" heading[table] ": " list[1] (n > 1 ? ", dashed " list[2] : "") "\""
  print "set ylabel \"" unit_drawn "\""
  print "set grid"
  print "set xrange [6:170000]"
  print "set yrange [" least_above_0 / 1.3 ":" most * 1.3 "]"
  print "set key outside bottom center horizontal"
  for (x = 1; x <= k; x++) {
    printf "$s%d << EOD\n%sEOD\n", x, points[x]
    if (x in goals)
      printf "$g%d << EOD\n%sEOD\n", x, goals[x]
  }
  printf "plot "
  for (x = 1; x <= k; x++) {
    printf "$s%d using 1:2 with linespoints linetype %d title \"%s\", ", x, x, shapes[x]
    if (x in has_second)
      printf "$s%d using 1:3 with linespoints linetype %d dashtype 2 linewidth 1 notitle, ", x, x
    if (x in goals)
      printf "$g%d using ($1*0.8):2:($1*0.45):(0) with vectors nohead linetype %d linewidth 4 notitle, ", x, x
  }
  print "NaN with lines linewidth 4 linecolor rgb \"black\" title \"goal of that colour\""
}
