#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads every #include and every ms_room() and holds them to the table of rooms below.

usage: includes.py ROOT    Prints file:line: complaint and exits 1 if there is any.

docs/adr/0001 says why the table is as it is; change both together.
"""

import os
import re
import sys

# Longest prefix wins. room: (path prefix, rooms it may include)
ROOMS = {
    "base": ("core/base/", ""),
    "abi": ("bpf/include/microseg/", ""),
    "sdk": ("core/include/microseg/", "abi"),
    "plugin": ("plugins/", "abi sdk cut"),
    "cut": ("plugins/mirror/cut", "netlink"),
    "layout": ("bpf/lib/layout", "abi"),
    "blocks": ("bpf/lib/blocks.h", "abi"),
    "rows": ("bpf/lib/rules.h", "abi layout blocks"),
    "flowkey": ("bpf/lib/flow_key.h", "abi layout"),
    "bpflib": ("bpf/lib/", "abi layout blocks rows flowkey"),
    "program": ("bpf/microseg.bpf", "abi layout blocks rows bpflib flowkey"),
    "dataplane_trial": ("bpf/dataplane_trial", "base abi"),
    "dataplane": ("bpf/dataplane", "base abi layout image flowkey dataplane_trial"),
    "tcx": ("bpf/tcx", "base dataplane"),
    "netlink": ("netlink/", "base"),
    "policy": ("core/policy/", "base abi layout"),
    "engine": ("core/classify/engine", "base"),
    "unobserved": ("core/classify/unobserved", "base abi layout"),
    "image": ("core/classify/image.h", "base abi layout engine unobserved"),
    "classify": ("core/classify/", "base abi layout blocks rows policy image engine unobserved"),
    "plan": ("core/classify/plan", "base policy engine unobserved image classify"),
    "iface": ("core/iface/", "base abi layout netlink dataplane tcx policy"),
    "event": ("core/event/", "base abi layout dataplane"),
    "session": ("core/session/", "base abi layout dataplane"),
    "source": ("core/source/", "base layout policy"),
    "events": ("core/source/events", "base abi sdk source"),
    "feed": ("core/source/feed", "base abi sdk source events"),
    "process": ("core/source/process", "base abi layout sdk policy source events feed loop loader"),
    "preparation": (
        "core/source/preparation",
        "base abi layout policy source loop state documents worker",
    ),
    "turns": (
        "core/source/turns",
        "base abi layout policy source loop state documents preparation",
    ),
    "saved": ("core/source/saved", "base abi layout sdk policy source state documents"),
    "follower": (
        "core/source/follower",
        "base abi layout sdk policy source events feed loop process preparation turns saved state documents",
    ),
    "landlock": ("core/source/landlock", "base"),
    "sandbox": ("core/source/sandbox", "base sdk landlock"),
    "trace": ("core/trace/", "base abi layout dataplane"),
    "file": ("core/state/file", "base"),
    "documents": ("core/state/documents", "base policy file"),
    "state": ("core/state/", "base policy file documents"),
    "loader": ("core/plugin/", "base abi sdk policy"),
    "descriptor": ("core/plugin/descriptor.c", "base abi sdk loader policy"),
    "arguments": ("core/plugin/arguments", "base abi sdk loader policy"),
    "catalogue": ("core/plugin/catalogue", "base abi sdk loader policy arguments"),
    "judge": ("core/plugin/judge", "base abi sdk loader policy arguments catalogue"),
    "trial": ("core/plugin/trial", "base abi sdk loader loop policy arguments"),
    "registry": (
        "core/plugin/registry",
        "base abi sdk loader loop dataplane policy arguments trial",
    ),
    "watches": ("core/plugin/watches", "base abi sdk loader loop"),
    "pluginhost": (
        "core/pluginhost/",
        "base abi layout sdk loader watches loop policy source events sandbox dataplane_trial",
    ),
    "message": ("core/control/message", "base"),
    "engines": ("core/control/engines", "base policy engine unobserved"),
    "cli": ("core/cli/", "base policy documents message loader arguments catalogue judge config plan engines"),
    "loop": ("core/loop", "base"),
    "config": ("core/config", "base abi layout policy"),
    "options": ("core/options", "base config"),
    "default_policy": ("core/default_policy", ""),
    "sources": ("core/sources/", "base policy state documents worker config default_policy"),
    "ends": ("core/ends", ""),
    "membership": ("core/membership", "base policy ends"),
    "touch": ("core/touch", ""),
    "worker": ("core/worker", "base"),
    "set_table": ("core/set_table/", "base abi layout dataplane policy membership"),
    "encoding": ("core/encoding", "base abi policy"),
    "committer": (
        "core/committer",
        "base abi layout dataplane policy image engine unobserved classify set_table encoding",
    ),
    "flips": ("core/flips", "base abi layout dataplane iface session trace"),
    "removal": ("core/removal", "base dataplane iface config"),
    "manager": (
        "core/manager/",
        "base abi layout sdk dataplane tcx netlink policy image engine unobserved classify iface event session trace "
        "state documents loop touch worker config sources membership set_table committer flips registry "
        "watches trial loader arguments catalogue judge source follower",
    ),
    "banner": ("core/banner", "base abi layout dataplane tcx iface policy config manager"),
    "control": (
        "core/control/",
        "base abi layout dataplane netlink policy engine engines classify iface event session trace state documents loop "
        "config manager message registry follower source",
    ),
    "main": (
        "core/daemon_main",
        "base loop config options sources manager control banner removal policy trial catalogue judge",
    ),
}

# A library's headers stay where its types are translated into ours.
LIBRARIES = [
    (r"event2/.*", r"core/(loop\.c|control/server[a-z_]*\.c)|plugins/.*"),
    (r"libfyaml\.h", r"core/(policy/document[a-z_]*|config[a-z_]*)\.[ch]|core/policy/yaml[a-z_]*\.[ch]|plugins/docker/(rules|excerpt)\.c"),
    (r"jansson\.h", r"core/(control|cli|state|plugin|pluginhost)/.*|core/source/(process|follower|numbers)\.[ch]|core/policy/document[a-z_]*\.c|plugins/etcd/codec\.c|plugins/docker/.*|plugins/.*"),
    (r"bpf/(bpf_helpers|bpf_endian|bpf_tracing)\.h", r"(bpf|plugins)/.*"),
    (r"bpf/.*\.h", r"bpf/(dataplane|tcx).*|core/pluginhost/smoke\.c|core/include/microseg/action[a-z_]*\.h|plugins/.*"),
    (r"netlink/.*", r"netlink/.*"),
    (r"openssl/.*", r"plugins/etcd/codec\.c"),
    (r"(curses|ncurses.*|term)\.h", r"core/cli/.*"),
    (r"curl/.*", r"plugins/lib/http\.c"),
    (r"argp\.h", r"core/(cli/.*|options\.c|pluginhost/main\.c)"),
    (r"seccomp\.h", r"core/source/sandbox\.c"),
    (r"linux/landlock\.h", r"core/source/landlock\.c"),
    (r".*\.skel\.h", r"bpf/dataplane.*|plugins/.*"),
    (r"vm" r"linux\.h", r"$^"),
]

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
ROOM_CALL = re.compile(r"ms_room\(\s*(\w+)([^)]*)\)", re.S)
SEARCH = ["", "bpf/include", "core/include"]


def room_of(path):
    best = None
    for room, (prefix, _) in ROOMS.items():
        if path.startswith(prefix) and (best is None or len(prefix) > len(ROOMS[best][0])):
            best = room
    return best


def sources(root):
    for top in ("core", "bpf", "netlink", "plugins"):
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(os.path.join(folder, name), root)


def resolve(root, name):
    for folder in SEARCH:
        path = os.path.normpath(os.path.join(folder, name))
        if os.path.isfile(os.path.join(root, path)):
            return path
    return None


def cycle(graph):
    """One cycle of `graph` as a list of nodes, or None."""
    done, path = set(), []

    def visit(node):
        if node in path:
            return path[path.index(node):] + [node]
        if node in done:
            return None
        path.append(node)
        for other in sorted(graph.get(node, ())):
            found = visit(other)
            if found:
                return found
        path.pop()
        done.add(node)
        return None

    for node in sorted(graph):
        found = visit(node)
        if found:
            return found
    return None


def check_file(root, path, graph):
    room = room_of(path)
    if room is None:
        yield 1, "this file belongs to no room of the table in includes.py"
        return
    allowed = set(ROOMS[room][1].split()) | {room}
    with open(os.path.join(root, path), encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            found = INCLUDE.match(line)
            if not found:
                continue
            quoted, name = found.group(1) == '"', found.group(2)
            target = resolve(root, name)
            if quoted and path.startswith("plugins/") and not target:
                # A plugin's folder is all there is of it: it builds out of the tree too.
                target = resolve(root, os.path.join(os.path.dirname(path), name))
            if target:
                graph.setdefault(path, set()).add(target)
                other = room_of(target)
                if other is None:
                    yield number, f"{target} belongs to no room, so nothing may include it"
                elif other not in allowed:
                    yield number, f"{room} may not include {target} (room {other})"
            elif quoted and not name.endswith(".skel.h"):
                yield number, f'"{name}" is not a path from the root of the tree'
            for library, places in LIBRARIES if not target else []:
                if re.fullmatch(library, name):
                    if not re.fullmatch(places, path):
                        yield number, f"{name} may not be included here"
                    break


def check_links(root):
    """The libraries that CMake links: the same edges, and no cycle."""
    libraries, graph = {}, {}
    for top in ("core", "bpf", "netlink"):
        for folder, _, names in os.walk(os.path.join(root, top)):
            if "CMakeLists.txt" not in names:
                continue
            path = os.path.join(folder, "CMakeLists.txt")
            with open(path, encoding="utf-8") as file:
                text = re.sub(r"#.*", "", file.read())
            for name, rest in ROOM_CALL.findall(text):
                libraries[name] = os.path.relpath(path, root)
                words = rest.split()
                links = words[words.index("LINK") + 1:] if "LINK" in words else []
                graph[name] = {w for w in links if w.startswith("ms_") and not w.endswith("_skel")}
    for name, others in graph.items():
        for other in others - set(libraries):
            yield libraries[name], 1, f"{name} links {other}, which is no room"
    found = cycle(graph)
    if found:
        yield libraries[found[0]], 1, "libraries in a circle: " + " -> ".join(found)


def main():
    root = sys.argv[1]
    complaints = []
    found = cycle({room: set(allowed.split()) for room, (_, allowed) in ROOMS.items()})
    if found:
        complaints.append(("tests/check/includes.py", 1, "rooms in a circle: " + " -> ".join(found)))
    graph = {}
    for path in sources(root):
        complaints += [(path, number, text) for number, text in check_file(root, path, graph)]
    found = cycle(graph)
    if found:
        complaints.append((found[0], 1, "includes in a circle: " + " -> ".join(found)))
    complaints += check_links(root)
    for path, number, text in complaints:
        print(f"{path}:{number}: {text}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
