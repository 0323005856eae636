#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares every symbol that an object file exports with the path of its source.

usage: symbols.py ROOT BUILD

From a symbol a reader finds its file: the prefix is ms_ and the path below the top folder without
base/ (core/policy/store.c: ms_policy_store_), or, where the file's name alone is the noun and no
other file has it, ms_ and that name (core/policy/document.c: ms_document_). Files that split one
concern share its prefix (document_rule.c: ms_document_). A second noun in a file is listed in NOUNS
with its reason; no prefix has two homes.
"""

import json
import os
import re
import subprocess
import sys

NOUNS = {
    "core/base/addr": ("cidr",),  # an address with a length; neither is read without the other
    "core/base/parse": ("format",),  # the inverse of each parser stands beside it
    "core/loop": ("watch",),  # what the loop hands out; no life of its own
    "core/iface/attach": ("attacher",),  # the thing that attaches
    "core/policy/model": ("failsafe", "group_def", "set_def", "rule", "origin", "source"),  # its parts
    "core/event/event": ("dir", "reason", "stat", "verdict"),  # names generated from one list
}
MAIN = {"core/daemon_main.c", "core/cli/main.c", "core/pluginhost/main.c"}
FOREIGN = {
    "argp_program_version", "argp_program_bug_address",  # argp looks for these names
    "ms_plugin_descriptor",  # the one name that the host looks for in a plugin
}


def concern(path):
    """core/policy/document_rule.c -> (core/policy, [document_rule, document])"""
    folder, name = os.path.split(os.path.splitext(path)[0])
    parts = name.split("_")
    return folder, ["_".join(parts[:n]) for n in range(len(parts), 0, -1)]


def prefixes(path):
    folder, names = concern(path)
    top, *rest = folder.split("/")
    rooms = [part for part in rest if part != "base"]
    result = set()
    for name in names:
        result.add("_".join(["ms"] + rooms + [name]))
        result.add("ms_" + name)
    if rooms:
        # core/session/session.c and whatever speaks for its room as a whole
        result.add("_".join(["ms"] + rooms))
    for noun in NOUNS.get(os.path.splitext(path)[0], ()):
        result.add("ms_" + noun)
    return result


def exported(obj):
    output = subprocess.run(
        ["nm", "--defined-only", "--extern-only", "--format=posix", obj],
        check=True, capture_output=True, text=True,
    ).stdout
    for line in output.splitlines():
        name, kind = line.split()[:2]
        if kind in "TDBRVWC" and not re.match(r"_|asan\.|.*\.", name):
            yield name


def main():
    root, build = (os.path.realpath(arg) for arg in sys.argv[1:3])
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        commands = json.load(file)
    complaints = seen = 0
    homes = {}
    for command in commands:
        path = os.path.relpath(os.path.realpath(command["file"]), root)
        if not path.startswith(("core/", "bpf/", "netlink/", "plugins/")) or path in MAIN:
            continue
        if path.startswith("plugins/") and path.endswith("/test.c"):
            continue
        obj = os.path.join(
            command["directory"], re.search(r" -o (\S+) ", command["command"]).group(1)
        )
        if not os.path.exists(obj):
            print(f"{path}:1: not built, so its symbols are unknown: {obj}")
            complaints += 1
            continue
        seen += 1
        allowed = prefixes(path)
        for symbol in set(exported(obj)) - FOREIGN:
            fitting = [p for p in allowed if symbol == p or symbol.startswith(p + "_")]
            if not fitting:
                print(f"{path}:1: exports {symbol}, but its path says {' or '.join(sorted(allowed))}")
                complaints += 1
                continue
            prefix = max(fitting, key=len)
            home = homes.setdefault(prefix, path)
            if os.path.dirname(home) != os.path.dirname(path):
                print(f"{path}:1: exports {symbol}, but {prefix}_ is at home in {home}")
                complaints += 1
    if seen == 0:
        print("no object file was looked at")
        complaints += 1
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
