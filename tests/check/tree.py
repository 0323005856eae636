#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules that one look at a file decides: licence line, size, words, names, whitespace.

usage: tree.py ROOT        Prints file:line: complaint and exits 1 if there is any.
"""

import os
import re
import sys

# No place for a comment, or content that is test data to the byte.
NO_SPDX = re.compile(
    r"^LICENSE$|\.json$|\.svg$|^tests/fuzz/[^/]*corpus/|^tests/fuzz/seeds/|^tests/.*/golden/|^tests/check/spelling-ok$"
)

# Longer than 600 lines, each with the reason why splitting it would not make it clearer.
LONG = {
    "LICENSE": "a legal text",
    "docs/performance.md": "tables that the bench writes into the one page that it is given",
    "docs/plugin-sdk.md": "a tutorial with its files and the reference, read as one page",
    "tests/harness/oracle.c": "one reading of the design, from top to bottom, in one place",
}
LIMIT = 600

# Split so that this file does not contain what it looks for.
WORDS = {
    r"\bTO" r"DO\b": "unfinished work",
    r"\bFIX" r"ME\b": "unfinished work",
    r"\bX" r"XX\b(?!\.)": "unfinished work",
    r"\bplace" r"holder\b": "unfinished work",
    r"\bbpf_" r"printk\b|\bbpf_trace_" r"printk\b": "prints into the kernel's trace pipe",
    r"\bvm" r"linux\.h\b": "the datapath uses UAPI headers only",
}
# Wrong on purpose.
REFUSED = re.compile(r"^tests/unit/policy/refused/")

WORDS_OK = re.compile(r"^(docs/|LICENSE$|tests/check/)")

# A folder for things without a name of their own grows without end.
NAMELESS = re.compile(r"(^|/)(utils?|common|helpers?|misc)(\.[ch]|/)")

BPF_MAP = re.compile(r"}\s*(\w+)\s+SEC\(\"\.maps\"\)")
BPF_PROGRAM = re.compile(
    r"SEC\(\"(?:tc|tcx|classifier|action|syscall)[^\"]*\"\)\s*(?:static\s+)?int\s+(\w+)\("
)

SLEEP = re.compile(r"\b(u|nano)?sleep\s*\(|^\s*sleep\s+[0-9]")


def files(root):
    for folder, folders, names in os.walk(root):
        relative = os.path.relpath(folder, root)
        folders[:] = sorted(
            f for f in folders if f == ".ci" or not (f.startswith(".") or f.startswith("build"))
        )
        for name in sorted(names):
            path = os.path.normpath(os.path.join(relative, name))
            # .git is a file in a worktree.
            if name != ".git" and not os.path.islink(os.path.join(folder, name)):
                yield path


def check(path, data):
    text = data.decode("utf-8", errors="replace")
    lines = text.split("\n")
    if not NO_SPDX.search(path):
        if "SPDX-License-Identifier: GPL-2.0-or-later" not in "\n".join(lines[:3]):
            yield 1, "no SPDX-License-Identifier line"
    if b"\0" in data:
        return
    if len(lines) - 1 > LIMIT and path not in LONG and not NO_SPDX.search(path):
        yield len(lines) - 1, f"longer than {LIMIT} lines without a reason in tree.py"
    if NAMELESS.search(path):
        yield 1, "a file or folder of this name says nothing"
    if data and not data.endswith(b"\n") and not NO_SPDX.search(path):
        yield len(lines), "no newline at the end"
    if path.startswith(("bpf/", "plugins/")) and path.endswith((".c", ".h")):
        for found in list(BPF_MAP.finditer(text)) + list(BPF_PROGRAM.finditer(text)):
            if len(found.group(1)) > 15:
                number = text.count("\n", 0, found.start(1)) + 1
                yield number, f"{found.group(1)}: the kernel cuts BPF names at 15 characters"
    for number, line in enumerate(lines, 1):
        if not WORDS_OK.search(path):
            for word, why in WORDS.items():
                found = re.search(word, line)
                if found:
                    yield number, f"{found.group(0)}: {why}"
        if line.rstrip() != line and not NO_SPDX.search(path) and not REFUSED.search(path):
            yield number, "trailing whitespace"
        if path.startswith("tests/") and path.endswith((".c", ".h", ".sh")) and SLEEP.search(line):
            yield number, "a test that sleeps is slow on one machine and wrong on another"


def main():
    root = sys.argv[1]
    complaints = 0
    decisions = {}
    for path in files(root):
        decision = re.match(r"docs/adr/(\d{4})-", path)
        if decision:
            first = decisions.setdefault(decision.group(1), path)
            if first != path:
                print(f"{path}:1: {first} has this number already")
                complaints += 1
        with open(os.path.join(root, path), "rb") as file:
            data = file.read()
        for number, complaint in check(path, data):
            print(f"{path}:{number}: {complaint}")
            complaints += 1
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
