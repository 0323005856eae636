#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: tools.sh CHECK ROOT [BUILD]
#
# One outside tool over every file that is its business. A tool that is missing fails the check, and
# so does a check that finds no file to look at.
set -euo pipefail

check=$1
root=$(readlink -f "$2")
build=${3:-}
cd "$root"

# found PATTERN...: files by name, outside of build folders
found() {
  local args=() pattern
  for pattern in "$@"; do
    args+=(-o -name "$pattern")
  done
  find . \( -name 'build*' -o -name .git \) -prune -o -type f \( "${args[@]:1}" \) -print | sort
}

look_at() {
  mapfile -t files < <("$@")
  [ ${#files[@]} -gt 0 ] || {
    echo "tools.sh $check: no file to look at"
    exit 1
  }
}

scripts() {
  { found '*.sh' && find . -name 'build*' -prune -o -type f -path './.ci/*' -print &&
    find core/service -type f -print; } 2>/dev/null | sort -u | while read -r file; do
    if head -n 1 "$file" | grep -qE '^#!.*\b(ba)?sh$'; then
      printf '%s\n' "$file"
    fi
  done
}

case $check in
format)
  look_at found '*.c' '*.h'
  clang-format-14 --dry-run -Werror "${files[@]}"
  ;;
tidy)
  # Sources of the product, as they were compiled; .clang-tidy has the reasons.
  cd "$root"
  look_at sh -c "jq -r '.[].file' '$build/compile_commands.json' | sort -u |
    grep -E '^$root/(core|bpf|netlink|plugins)/.*\.c\$'"
  printf '%s\0' "${files[@]}" |
    xargs -0 -n 4 -P "$(nproc)" clang-tidy-14 --quiet --warnings-as-errors='*' -p "$build" 2>&1 |
    { grep -vE '^[0-9]+ warnings? (generated|treated)|^Suppressed|^Use -header-filter' || :; }
  exit "${PIPESTATUS[1]}"
  ;;
shell)
  look_at scripts
  shellcheck -x -P "$root" "${files[@]}"
  ;;
spelling)
  codespell --quiet-level 2 --ignore-words tests/check/spelling-ok \
    --skip './build*,./.git,*.json,./tests/fuzz/*corpus*,./tests/fuzz/seeds,./tests/unit/policy/refused' .
  ;;
man)
  look_at found '*.[1-8]'
  mandoc -T lint -W warning "${files[@]}"
  ;;
unit)
  unit=$(mktemp -d)
  trap 'rm -rf "$unit"' EXIT
  # verify wants the executable it starts to exist.
  sed "s,@[A-Z_]*BINDIR@,/bin,; s,/bin/microsegd,/bin/true," core/service/microsegd.service.in \
    >"$unit/microsegd.service"
  systemd-analyze verify --man=no "$unit/microsegd.service" 2>"$unit/complaints" || {
    cat "$unit/complaints"
    exit 1
  }
  # It complains about some keys and still exits 0.
  if grep -F microsegd.service "$unit/complaints"; then
    exit 1
  fi
  ;;
*)
  echo "tools.sh: there is no check \"$check\"" >&2
  exit 2
  ;;
esac
