#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# run.sh [--quick | --smoke] [--only SECTION] [--baseline OBJ:PROG] [--rules DIR] [--doc FILE] [--build DIR]
#
# Measures, then writes the tables between their markers in FILE (docs/performance.md) and the plots
# into the folder of the same name beside it. The samples stay in DIR/bench/full or quick. What was
# not measured keeps its table. Called by ./setup.sh bench; root.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
top=$(dirname "$(dirname "$here")")
document=$top/docs/performance.md
build=$top/build/test
how=full
only=()
options=()

while [ $# -gt 0 ]; do
  case $1 in
  --quick | --smoke)
    how=${1#--}
    options+=("$1")
    shift
    ;;
  --only | --baseline | --rules)
    [ $# -ge 2 ] || {
      echo "bench: $1 takes a value" >&2
      exit 2
    }
    options+=("$1" "$2")
    if [ "$1" = --only ]; then only+=("$2"); fi
    shift 2
    ;;
  --doc | --build)
    [ $# -ge 2 ] || {
      echo "bench: $1 takes a value" >&2
      exit 2
    }
    if [ "$1" = --doc ]; then
      document=$2
    else
      build=$2
    fi
    shift 2
    ;;
  *)
    echo "bench: $1 is not known (--quick --smoke --only --baseline --rules --doc --build)" >&2
    exit 2
    ;;
  esac
done

# Of the first processor: one name is sold for several generations, and what jumps and returns cost
# hangs on what they are guarded by.
cpu_field() { sed -n "s/^$1[[:space:]]*: //p" /proc/cpuinfo | head -1; }
cpu_guard() { cut -d';' -f1 "/sys/devices/system/cpu/vulnerabilities/$1" 2>/dev/null || echo unknown; }

# What a reader must know to judge the figures.
facts() {
  local cpu effective caps='' which="$how run"
  cpu=$(cpu_field 'model name')
  cpu+=" (family $(cpu_field 'cpu family') model $(cpu_field model), cache $(cpu_field 'cache size')"
  cpu+="; jumps: $(cpu_guard spectre_v2), returns: $(cpu_guard spec_rstack_overflow))"
  effective=$((0x$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status)))
  if ((effective >> 39 & 1)); then caps+=' BPF'; fi
  if ((effective >> 38 & 1)); then caps+=' PERFMON'; fi
  if ((effective >> 12 & 1)); then caps+=' NET_ADMIN'; fi
  if ((effective >> 21 & 1)); then caps+=' SYS_ADMIN'; fi
  if [ ${#only[@]} -gt 0 ]; then which+=" of ${only[*]} alone"; fi
  printf '%s, %s, Linux %s, %s x %s, loaded with%s, jit_harden %s' \
    "$(date -u '+%Y-%m-%d %H:%M UTC')" "$which" "$(uname -r)" "$(nproc)" "$cpu" "$caps" \
    "$(cat /proc/sys/net/core/bpf_jit_harden 2>/dev/null || echo unknown)"
}

# The table of tracked flows belongs to the whole machine: made larger for the full run, so that
# nftables has as much room as the others, and put back.
tracked_max=/proc/sys/net/netfilter/nf_conntrack_max
tracked_buckets=/sys/module/nf_conntrack/parameters/hashsize
if [ "$how" = full ] && [ -w "$tracked_max" ] && [ -w "$tracked_buckets" ] &&
  [ "$(cat "$tracked_max")" -lt $((1 << 21)) ]; then
  # shellcheck disable=SC2064  # what they are now
  trap "echo $(cat "$tracked_max") >$tracked_max; echo $(cat "$tracked_buckets") >$tracked_buckets" EXIT
  echo $((1 << 21)) >"$tracked_buckets"
  echo $((1 << 21)) >"$tracked_max"
fi

results=$build/bench/$how
mkdir -p "$results"
samples=$results/samples.tsv
printf '#run\t%s\n' "$(facts)" >"$samples"
# What an earlier run has measured is not this one's.
rm -f "$results/measured.tsv"
# A section that could not be measured does not take the others' tables away, but fails the run.
status=0
"$build/tests/microseg-bench" --out "$results/measured.tsv" "${options[@]}" || status=$?
[ -s "$results/measured.tsv" ] || {
  echo "bench: nothing was measured, so nothing was written" >&2
  exit 1
}
cat "$results/measured.tsv" >>"$samples"

plots=${document%.md}
awk -f "$here/table.awk" -v folder="$(basename "$plots")" "$here/tables.tsv" "$here/goals.tsv" \
  "$samples" "$document" >"$results/document.md"
# Through the file that is there, so that it stays its owner's.
cat "$results/document.md" >"$document"
"$here/plot.sh" "$samples" "$plots"
echo "bench: tables in $document, plots in $plots, samples in $samples"
exit $status
