#!/usr/bin/env python3
"""Holds the includes to the order of the folders: what a folder may know is what stands left of it.

usage: scripts/check_layers.py [CHECKOUT]

  base, graph, target, python, expression, heap, tracemalloc, memory, threads, leaks, compare, snapshot, query, render, report, export,
  open, guard, sample, screen, cmd: each may include those before it. graph and expression know base only; platform knows base and target, and only open, guard
  and cmd know platform. No file of cmd/ is included by another but command.h and failure.h.
Third parties: LLVM in platform and render, Graphviz in render, SQLite in query, Boost in cmd and platform,
ncurses in screen, GoogleTest in tests.
The rooms of platform/, in this order, each know those before them: files, process, confinement, binaries, stopping, copying,
injection, freezing, sandbox, targets, serving; tests know all.
process_vm_readv, which takes pages out of sharing, is called in platform/process/process.cc only,
and releases of CPython are compared in lib/python/versions.cc only. The table of folders in docs/design/architecture.md
has a row for each folder, in this order. Exit 1 and one line each for what breaks this.
"""
import os
import re
import sys

# What a folder may include is itself and what stands before it.
ORDER = ("lib/base", "lib/graph", "lib/target", "lib/python", "lib/expression", "lib/heap", "lib/tracemalloc", "lib/memory",
         "lib/threads", "lib/leaks", "lib/compare", "lib/snapshot", "lib/query", "lib/render", "lib/report", "lib/export", "lib/open",
         "lib/guard", "lib/sample", "lib/screen", "cmd")
# These know less than their place allows.
PURE = {"lib/graph": {"lib/base"}, "lib/expression": {"lib/base"}, "platform": {"lib/base", "lib/target"}}
# platform/ knows little, and three folders know it: its place in the table of folders is above these.
ORDER_WITH_PLATFORM = ORDER[:ORDER.index("lib/open")] + ("platform",) + ORDER[ORDER.index("lib/open"):]
MAY_INCLUDE = {folder: PURE.get(folder, set(ORDER[:at])) | {folder} for at, folder in enumerate(ORDER + ("platform",))}
for folder in ("lib/open", "lib/guard", "cmd"):
    MAY_INCLUDE[folder].add("platform")
ROOMS = ("files", "process", "confinement", "binaries", "stopping", "copying", "injection", "freezing", "sandbox", "targets", "serving")
THIRD_PARTIES = (
    (re.compile(r"llvm(-c)?/"), "LLVM", {"platform", "lib/render"}),
    (re.compile(r"(graphviz/|gvc\.h|cgraph\.h|types\.h|gvplugin)"), "Graphviz", {"lib/render"}),
    (re.compile(r"sqlite3"), "SQLite", {"lib/query"}),
    (re.compile(r"boost/"), "Boost", {"cmd", "platform"}),
    (re.compile(r"n?cursesw?\.h|ncursesw?/|term\.h"), "ncurses", {"lib/screen"}),
)
VERSION_COMPARED = re.compile(r"(?<![<>])(<|>|<=|>=|==|!=)\s*(heapglass::)?(hexversion_of|version)\(\d")
VERSIONS = "lib/python/versions.cc"
PINNING_READ = re.compile(r"(?<![_\w])process_vm_readv\(")
MAY_PIN = ("platform/process/process.cc", "platform/confinement/escapes.h")  # the latter tries to
FOLDER_TABLE = "docs/design/architecture.md"
FOLDER_ROW = re.compile(r"^\| `((?:lib/\w+|platform|cmd))/` \|")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def folder_of(path):
    for folder in MAY_INCLUDE:
        if path.startswith(folder + "/"):
            return folder
    return None


def room_complaint(path, included):
    """Why this file of platform/ may not include that one; None where it may."""
    room, other = (name.split("/")[1] for name in (path, included))
    if room not in ROOMS:
        return "platform/ has no room %s (ROOMS of scripts/check_layers.py)" % room
    if other in ROOMS and ROOMS.index(other) > ROOMS.index(room):
        return "platform/%s may not include platform/%s (%s)" % (room, other, included)
    return None


def where_of(path, number):
    return "%s:%d: " % (path, number)


def complaints(checkout, path):
    folder = folder_of(path)
    in_test = re.search(r"(_test|_bench)\.cc$|^cmd/tests/", path)
    with open(os.path.join(checkout, path), encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if PINNING_READ.search(line) and path not in MAY_PIN:
                yield where_of(path, number) + "process_vm_readv is for Process::read_pinned only: it may take pages out of sharing"
            if VERSION_COMPARED.search(line) and path != VERSIONS and not in_test:
                yield where_of(path, number) + "releases are compared in %s only: what differs is a rule there" % VERSIONS
            match = INCLUDE.match(line)
            if not match:
                continue
            bracket, name = match.groups()
            where = where_of(path, number)
            if name.startswith(("gtest/", "gmock/")) and not in_test:
                yield where + "GoogleTest is for tests only"
            known = [(party, homes) for pattern, party, homes in THIRD_PARTIES if pattern.match(name)]
            for party, homes in known:
                if folder not in homes:
                    yield where + "%s is for %s only (%s)" % (party, " and ".join(sorted(homes)), name)
            if bracket == "<" or known:
                continue
            # Ours are named from the top, so that a reader sees the folder.
            to = folder_of(name)
            if to is None:
                yield where + '"%s" is not named from the top of the checkout' % name
            elif to == "cmd" and not in_test and name not in ("cmd/command.h", "cmd/failure.h"):
                yield where + "what two commands share does not live in cmd/ (%s)" % name
            elif to not in MAY_INCLUDE[folder]:
                yield where + "%s may not include %s (%s)" % (folder, to, name)
            elif not os.path.exists(os.path.join(checkout, name)):
                yield where + "there is no %s" % name
            elif folder == to == "platform" and not in_test and not path.endswith("_fuzz.cc"):
                complaint = room_complaint(path, name)
                if complaint:
                    yield where + complaint


def table_complaints(checkout):
    """What is wrong with the rows of the table of folders: '| `lib/base/` | ... |', those of lib/, platform/ and cmd/."""
    rows = []
    with open(os.path.join(checkout, FOLDER_TABLE), encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            match = FOLDER_ROW.match(line)
            if match:
                rows.append((match.group(1), number))
    on_disk = [os.path.join("lib", name) for name in sorted(os.listdir(os.path.join(checkout, "lib")))]
    for folder in sorted(set(on_disk) - set(ORDER)):
        yield "%s: %s is not in ORDER of scripts/check_layers.py" % (folder, folder)
    for folder in ORDER_WITH_PLATFORM:
        if not os.path.isdir(os.path.join(checkout, folder)):
            yield "scripts/check_layers.py: there is no folder %s, which ORDER has" % folder
        if folder not in [row for row, _ in rows]:
            yield "%s: the table of folders has no row for %s" % (FOLDER_TABLE, folder)
    place = {folder: at for at, folder in enumerate(ORDER_WITH_PLATFORM)}
    last, seen = -1, set()
    for row, number in rows:
        if row not in place:
            yield where_of(FOLDER_TABLE, number) + "there is no folder %s in ORDER of scripts/check_layers.py" % row
        elif row in seen:
            yield where_of(FOLDER_TABLE, number) + "a second row for %s" % row
        elif place[row] < last:
            yield where_of(FOLDER_TABLE, number) + "%s stands below a folder that may include it" % row
        else:
            last = place[row]
        seen.add(row)


def main():
    if sys.argv[1:] in (["-h"], ["--help"]):
        print(__doc__.strip())
        return 0
    checkout = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    found, files = [], 0
    for top in ("lib", "platform", "cmd"):
        for folder, _, names in os.walk(os.path.join(checkout, top)):
            for name in sorted(names):
                if name.endswith((".cc", ".h", ".def")):
                    files += 1
                    found.extend(complaints(checkout, os.path.relpath(os.path.join(folder, name), checkout)))
    found.extend(table_complaints(checkout))
    for each in found:
        print(each)
    print("check_layers: %d files, %d faults" % (files, len(found)))
    return 1 if found or not files else 0


if __name__ == "__main__":
    sys.exit(main())
