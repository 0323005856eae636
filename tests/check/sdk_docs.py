#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every field, constant and function of the plugin headers is in docs/plugin-sdk.md, as code.

usage: sdk_docs.py ROOT    Prints file:line: complaint and exits 1 if there is any.
"""

import os
import re
import sys

HEADERS = (
    "core/include/microseg/plugin.h",
    "core/include/microseg/action.h",
    "core/include/microseg/action_trial.h",
    "core/include/microseg/trial.h",
    "bpf/include/microseg/abi.h",
    "bpf/include/microseg/action.bpf.h",
)
# Said by name in the header, of no use to an author; what an X-macro is read with; and what the
# stand-in host's table has, which tests call through that.
PRIVATE = re.compile(
    r".*_H$|MS_CB_(LOAD|STORE|CLEAR)|ms_loaded_|MS_PLUGIN_PRINTF|MS_ACTION_TRIAL_MAPS|MS_REASON_(ENUM)?$|ms_trial_(?!init$|pass$|poll$)|ms_(progs|actions|action_lists|action_args)$"
)

COMMENT = re.compile(r"/\*.*?\*/", re.S)
STRUCT = re.compile(r"^(?:static )?(?:const )?(?:struct|enum)\s*(\w*)\s*(?:\w+\s*)?{(.*?)^}", re.S | re.M)
DEFINE = re.compile(r"^#define (\w+)", re.M)
FUNCTION = re.compile(r"^static (?:inline|__always_inline) \w+ (\w+)\(", re.M)
# Of a field, not of an argument of one.
CALLBACK = re.compile(r"^\t(?!\t)[^()]*\(\*(\w+)\)\(", re.M)
FIELD = re.compile(r"(\w+)(?:\[[^\]]*\])?\s*(?=[;,])")


def names(text):
    """(offset, name, struct) of all that an author may use; "" = it is in none."""
    for pattern in (DEFINE, FUNCTION):
        for found in pattern.finditer(text):
            yield found.start(1), found.group(1), ""
    for found in STRUCT.finditer(text):
        body, start, struct = found.group(2), found.start(2), found.group(1)
        if struct:
            yield found.start(1), struct, ""
        if "(" in found.group(0).split("{")[0] or "__uint(" in body:
            continue
        is_enum = found.group(0).lstrip().startswith("enum")
        for call in CALLBACK.finditer(body):
            # Arguments of a function are not fields.
            yield start + call.start(1), call.group(1), struct
        rest = re.sub(r"[^;]*\(\*\w+\)\([^;]*;", lambda m: ";" * len(m.group(0)), body)
        if is_enum:
            for one in re.finditer(r"\b(MS_\w+)", rest):
                yield start + one.start(1), one.group(1), ""
        else:
            for one in FIELD.finditer(rest):
                yield start + one.start(1), one.group(1), struct


def words(text):
    return {word for code in re.findall(r"`([^`]+)`", text) for word in re.findall(r"\w+", code)}


def known_by_struct(reference):
    """What is said of each: where it is named, and on to a paragraph of another, or a heading."""
    known = {}
    about = set()
    for block in re.split(r"\n\n+", reference):
        named = set(re.findall(r"`struct\s+(\w+)", block))
        if block.lstrip().startswith("#"):
            about = set()
        if named and not block.startswith("|"):
            about = named
        for struct in about | named:
            known.setdefault(struct, set()).update(words(block))
    return known


def main():
    root = sys.argv[1]
    with open(os.path.join(root, "docs/plugin-sdk.md"), encoding="utf-8") as file:
        page = file.read()
    # The tutorial is no reference.
    reference = re.sub(r"^```.*?^```$", "", page[page.index("\n## Reference"):], flags=re.S | re.M)
    known = words(reference)
    by_struct = known_by_struct(reference)
    complaints = seen = 0
    for path in HEADERS:
        with open(os.path.join(root, path), encoding="utf-8") as file:
            text = file.read()
        # Lines stay where they are.
        text = COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)
        for offset, name, struct in sorted(set(names(text))):
            if PRIVATE.match(name) or PRIVATE.match(struct):
                continue
            seen += 1
            if name not in (by_struct.get(struct, ()) if struct else known):
                of = f" of struct {struct}" if struct else ""
                print(f"{path}:{text.count(chr(10), 0, offset) + 1}: {name}{of} is not in docs/plugin-sdk.md")
                complaints += 1
    if seen < 150:
        print(f"only {seen} names were found in the headers")
        complaints += 1
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
