#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every link of every Markdown file leads somewhere: a file in the tree, a heading in it.

usage: links.py ROOT
"""

import os
import re
import sys

from tree import files

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^\s*(```|~~~)")


def visible(text):
    """Lines outside code fences, code spans blanked, with their numbers."""
    fenced = False
    for number, line in enumerate(text.split("\n"), 1):
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            yield number, line


def anchors(text):
    result = set()
    for _, line in visible(text):
        found = re.match(r"#+\s+(.*)", line)
        if found:
            heading = re.sub(r"[`*]", "", found.group(1)).strip().lower()
            result.add(re.sub(r"[^\w\- ]", "", heading).replace(" ", "-"))
    return result


def main():
    root = sys.argv[1]
    texts = {}
    for path in files(root):
        if path.endswith(".md"):
            with open(os.path.join(root, path), encoding="utf-8") as file:
                texts[path] = file.read()
    complaints = 0
    for path, text in texts.items():
        for number, line in visible(text):
            for target in LINK.findall(re.sub(r"`[^`]*`", "", line)):
                if re.match(r"[a-z]+:", target):
                    continue
                name, _, anchor = target.partition("#")
                other = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
                if not os.path.exists(os.path.join(root, other)):
                    print(f"{path}:{number}: {target}: there is no {other}")
                    complaints += 1
                elif anchor and other in texts and anchor not in anchors(texts[other]):
                    print(f"{path}:{number}: {target}: no such heading")
                    complaints += 1
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
