#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Shell text in single quotes is for later:
# shellcheck disable=SC2016
#
# A check that cannot fail is worse than none: gives each check a small tree with one offence in it
# and expects it to say so. Before the offence the same tree must pass.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
checks=0
failures=0

spdx='SPDX-License-Identifier: GPL-2.0-or-later'

# A tree that every check likes.
plant() {
  rm -rf "${scratch:?}/tree"
  mkdir -p "$scratch"/tree/{core/base,core/policy,core/cli,netlink,bpf/lib,bpf/include/microseg,docs,tests/unit,tests/check,core/service}
  cd "$scratch/tree"
  printf '/* %s */\nint ms_log_set(int level);\n' "$spdx" >core/base/log.h
  printf '/* %s */\n#include "core/base/log.h"\n\nint ms_log_set(int level)\n{\n\treturn level;\n}\n' \
    "$spdx" >core/base/log.c
  printf '/* %s */\n#include "core/base/log.h"\n' "$spdx" >core/policy/store.c
  printf '/* %s */\n#include "core/base/log.h"\n' "$spdx" >netlink/monitor.c
  printf '/* %s */\n' "$spdx" >bpf/include/microseg/abi.h
  printf '/* %s */\nSEC("tc")\nint ms_ingress(void *skb);\n' "$spdx" >bpf/lib/layout.h
  printf '# %s\nms_room(ms_base log.c)\n' "$spdx" >core/base/CMakeLists.txt
  printf '# %s\nms_room(ms_policy store.c LINK ms_base)\n' "$spdx" >core/policy/CMakeLists.txt
  printf '<!-- %s -->\n# Title\nSee [there](other.md#a-heading).\n' "$spdx" >docs/page.md
  printf '<!-- %s -->\n# Other\n## A heading\n' "$spdx" >docs/other.md
  printf '#!/bin/sh\n# %s\necho "$1"\n' "$spdx" >tests/unit/run.sh
  printf '.\\" %s\n.Dd January 1, 2026\n.Dt T 1\n.Os\n.Sh NAME\n.Nm t\n.Nd a page\n' "$spdx" >docs/t.1
  cp "$here/../../.clang-format" .
  cp "$here/spelling-ok" tests/check/
  cp "$here/../../core/service/microsegd.service.in" core/service/
}

# A build folder with one object file, from the planted core/base/log.c.
compiled() {
  mkdir -p "$scratch/build"
  cc -I. -o "$scratch/build/log.o" -c core/base/log.c
  printf '[{"directory":"%s","command":"cc -I%s -o log.o -c %s","file":"%s"}]\n' "$scratch/build" \
    "$PWD" "$PWD/core/base/log.c" "$PWD/core/base/log.c" >"$scratch/build/compile_commands.json"
}

run() {
  case $1 in
  tree | includes | links) python3 -B "$here/$1.py" . ;;
  symbols) compiled && python3 -B "$here/symbols.py" . "$scratch/build" ;;
  tidy)
    cp "$here/../../.clang-tidy" .
    compiled && "$here/tools.sh" tidy . "$scratch/build"
    ;;
  *) "$here/tools.sh" "$1" . ;;
  esac
}

likes() {
  plant
  checks=$((checks + 1))
  if ! run "$1" >"$scratch/out" 2>&1; then
    failures=$((failures + 1))
    echo "$1 does not like a tree without fault:"
    cat "$scratch/out"
  fi
}

# offends CHECK 'EXPECTED TEXT' SHELL-COMMAND
offends() {
  plant
  checks=$((checks + 1))
  eval "$3"
  if run "$1" >"$scratch/out" 2>&1; then
    failures=$((failures + 1))
    echo "$1 does not see: $3"
  elif ! grep -qF -- "$2" "$scratch/out"; then
    failures=$((failures + 1))
    echo "$1 fails at \"$3\", but does not say \"$2\":"
    cat "$scratch/out"
  fi
}

for check in tree includes links symbols format shell spelling man unit tidy; do
  likes $check
done

offends tree 'core/base/log.h:1: no SPDX' 'echo "int x;" >core/base/log.h'
offends tree 'longer than 600' 'seq 700 | sed "s,.*,/* & */," >>core/base/log.h'
offends tree 'unfinished work' 'echo "/* TO''DO: more */" >>core/base/log.h'
offends tree 'trace pipe' 'echo "bpf_''printk();" >>bpf/lib/layout.h'
offends tree 'says nothing' 'cp core/base/log.h core/base/utils.h'
offends tree 'trailing whitespace' 'echo "int x; " >>core/base/log.h'
offends tree 'no newline' 'printf "int x;" >>core/base/log.h'
offends tree 'a test that sleeps' 'echo "sleep 1" >>tests/unit/run.sh'
offends tree 'ms_a_name_of_16c: the kernel cuts' \
  'printf "SEC(\"tc\")\nint ms_a_name_of_16c(void *skb);\n" >>bpf/lib/layout.h'
offends tree 'ms_a_name_of_16c: the kernel cuts' \
  'echo "struct { int a; } ms_a_name_of_16c SEC(\".maps\");" >>bpf/lib/layout.h'
offends includes 'base may not include core/policy/model.h' \
  'cp core/base/log.h core/policy/model.h; echo "#include \"core/policy/model.h\"" >>core/base/log.c'
offends includes 'netlink may not include bpf/lib/layout.h' \
  'echo "#include \"bpf/lib/layout.h\"" >>netlink/monitor.c'
offends includes 'event2/event.h may not be included here' \
  'echo "#include <event2/event.h>" >>core/policy/store.c'
offends includes 'is not a path from the root' 'echo "#include \"log.h\"" >>core/base/log.c'
offends includes 'includes in a circle' 'cp core/base/log.h core/base/list.h
  echo "#include \"core/base/list.h\"" >>core/base/log.h
  echo "#include \"core/base/log.h\"" >>core/base/list.h'
offends includes 'belongs to no room' 'mkdir core/new; cp core/base/log.h core/new/'
offends includes 'libraries in a circle' \
  'echo "ms_room(ms_base log.c LINK ms_policy)" >core/base/CMakeLists.txt'
offends links 'there is no docs/gone.md' 'echo "[x](gone.md)" >>docs/page.md'
offends links 'no such heading' 'echo "[x](other.md#gone)" >>docs/page.md'
offends symbols 'exports ms_policy_thing' \
  'printf "int ms_policy_thing(void);\nint ms_policy_thing(void)\n{\n\treturn 1;\n}\n" >>core/base/log.c'
offends symbols 'exports bare' 'echo "int bare;" >>core/base/log.c'
offends format 'core/base/log.c' 'echo "int   x ;" >>core/base/log.c'
offends shell 'SC2086' 'echo "echo \$1" >>tests/unit/run.sh'
offends spelling 'reci''eve' 'echo "/* reci''eve */" >>core/base/log.h'
offends man 'ERROR' 'printf ".Sh NAME\n.Bl\n" >>docs/t.1'
offends unit 'service type' 'sed -i "s/^Type=.*/Type=nonsense/" core/service/microsegd.service.in'
offends tidy 'clang-analyzer' \
  'printf "int ms_log_bad(void);\nint ms_log_bad(void)\n{\n\tint n = 0;\n\n\treturn 1 / n;\n}\n" >>core/base/log.c'
# A check that finds nothing to look at has not looked.
offends man 'no file to look at' 'rm docs/t.1'
offends symbols 'ms_log_ is at home in core/base/log.c' 'mkdir core/other
  printf "int ms_log_twice;\n" >core/other/log.c
  compiled() {
    mkdir -p "$scratch/build"
    cc -I. -o "$scratch/build/1.o" -c core/base/log.c
    cc -I. -o "$scratch/build/2.o" -c core/other/log.c
    printf "[{\"directory\":\"%s\",\"command\":\"cc -o 1.o -c x\",\"file\":\"%s\"}," \
      "$scratch/build" "$PWD/core/base/log.c" >"$scratch/build/compile_commands.json"
    printf "{\"directory\":\"%s\",\"command\":\"cc -o 2.o -c x\",\"file\":\"%s\"}]\n" \
      "$scratch/build" "$PWD/core/other/log.c" >>"$scratch/build/compile_commands.json"
  }'
offends symbols 'no object file' 'compiled() { mkdir -p "$scratch/build"; echo "[]" >"$scratch/build/compile_commands.json"; }'

echo "100%: Checks: $checks, Failures: $failures, Errors: 0"
[ $failures -eq 0 ]
