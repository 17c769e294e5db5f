#!/usr/bin/env python3
"""Holds what heapglass exported against the truth that the target wrote of itself.

usage: compare_truth.py EXPORT TRUTH [TRUTH...] [--guesses RATE] [--json FILE] [--rows N] [--allow N]

EXPORT is `heapglass export PID --format jsonl`; TRUTH is a file of truth.py (several: one an interpreter). Prints
a table of the types that differ, with an example each, and closes with one line of rates. Exit: 0 nothing
differs, 1 something does, 2 the files cannot be compared.

Judged: every object of the truth is there once, with its type, size, gc flag and exactly its references, each as
often as the interpreter names it. Reference counts are judged loosely: what the interpreter shares (None, names)
moves by a few between the truth and the look from outside. Objects that only the export has are listed and are no
error: the interpreter cannot walk to all that is there.
"""
import argparse
import collections
import gc
import json
import sys

KINDS = ("missing", "twice", "type", "size", "gc", "refcount", "lost", "added")
COUNT_SLACK = 2  # and a sixteenth of the count


class Unusable(Exception):
    pass


def entries(path):
    decode = json.JSONDecoder().raw_decode  # json.loads looks for spaces, in twice the time
    with open(path, encoding="utf-8", errors="surrogateescape") as lines:
        for number, line in enumerate(lines, 1):
            try:
                entry, end = decode(line)
                if line[end:] not in ("", "\n"):
                    raise ValueError
                yield entry["kind"], entry
            except (ValueError, KeyError, TypeError):
                raise Unusable("%s:%d is not a JSON object with a kind: %.60r" % (path, number, line))


class Result:
    def __init__(self):
        self.types = collections.defaultdict(collections.Counter)  # by type: how many objects, and what differs
        self.examples = {}
        self.asked = collections.Counter()  # by judged thing: how often the truth knew it
        self.wrong = collections.Counter()
        self.only_exported = collections.Counter()
        self.pythons = []

    def differs(self, kind, entry, text, times=1):
        self.types[entry["type"]][kind] += times
        self.wrong[kind] += times
        self.examples.setdefault((entry["type"], kind), "%#x %s" % (entry["id"], text))

    def right(self, kind):
        """The rate of a judged thing; cut off, not rounded, so that 1.000000 means every one."""
        asked = self.asked[kind]
        return int(1000000 * (asked - self.wrong[kind]) / asked) / 1000000 if asked else 1.0

    def guessed_well(self, least):
        """As much of the references is found, and of those told is right; types and tracking are no guesses."""
        return min(self.right("lost"), self.right("added")) >= least and not any(self.wrong[kind] for kind in ("twice", "type", "gc"))

    def exact(self, allowed=0):
        return sum(self.wrong[kind] for kind in KINDS if kind != "refcount") <= allowed and self.right("refcount") > 0.98


def read_export(path, guesses, result):
    exported = {}
    for kind, entry in entries(path):
        if kind != "object":
            continue
        if entry["id"] in exported:
            result.differs("twice", entry, "is there more than once")
        refs = entry.get("refs") or ()
        if guesses:
            refs = [*refs, *entry.get("guessed_refs", ())]
        exported[entry["id"]] = (entry.get("type"), entry.get("size"), entry.get("refcount"), entry.get("gc"), refs)
    if not exported:
        raise Unusable("%s has no objects" % path)
    return exported


def compare_references(truth, exported, found, ours, result):
    def name(ref):
        return "%#x (%s)" % (ref, exported[ref][0] if ref in exported else "not exported")
    # Nearly always: the same, and none of them ours. Counters take most of the time of a comparison.
    if ours.isdisjoint(found) and sorted(found) == sorted(truth["refs"]):
        result.asked["lost"] += len(found)
        result.asked["added"] += len(found)
        return
    want = collections.Counter(ref for ref in truth["refs"] if ref not in ours)
    have = collections.Counter(ref for ref in found if ref not in ours)
    result.asked["lost"] += sum(want.values())
    result.asked["added"] += sum(have.values())
    if want == have:
        return
    for kind, difference in (("lost", want - have), ("added", have - want)):
        if difference:
            result.differs(kind, truth, "-> " + name(next(iter(difference))), sum(difference.values()))


def compare_object(truth, exported, ours, result):
    result.types[truth["type"]]["objects"] += 1
    result.asked["missing"] += 1
    if truth["id"] not in exported:
        result.differs("missing", truth, "is not in the export")
        return
    name, size, count, tracked, refs = exported[truth["id"]]
    for kind, want, have in (("type", truth["type"], name), ("size", truth["size"], size), ("gc", truth["gc"], tracked)):
        if want is not None:
            result.asked[kind] += 1
            if want != have:
                result.differs(kind, truth, "is %s, exported as %s" % (want, have))
    if truth["refcount"] is not None and count is not None:
        result.asked["refcount"] += 1
        if abs(count - truth["refcount"]) > max(COUNT_SLACK, truth["refcount"] >> 4):
            result.differs("refcount", truth, "is %d, exported as %d" % (truth["refcount"], count))
    if truth["refs"] is not None:
        compare_references(truth, exported, refs, ours, result)


def names_of_a_moment(objects, exported):
    """Names that were held by nobody but the interpreter's table of names (3.14 shows it) when the truth was told.

    They went when the C code that had made them was done, as names do that nobody has a reference to.
    """
    holders = collections.defaultdict(set)
    gone = {entry["id"] for entry in objects if entry["type"] == "builtins.str" and entry["id"] not in exported}
    if not gone:
        return gone
    held = set()
    for entry in objects:
        refs = entry["refs"] or ()
        held.update(refs)
        for ref in gone.intersection(refs):
            holders[ref].add((entry["id"], entry["type"]))
    return {name for name in gone if len(holders[name]) == 1 and
            all(holder not in held and cls == "builtins.dict" for holder, cls in holders[name])}


def compare(export_path, truth_paths, guesses):
    result = Result()
    exported = read_export(export_path, guesses, result)
    known = set()
    for path in truth_paths:
        ours, objects, header, ended = set(), [], None, False
        for kind, entry in entries(path):  # "ours" stands behind the objects that it concerns
            if kind == "object":
                objects.append(entry)
            elif kind == "ours":
                ours.update(entry["ids"])
            elif kind == "header":
                header = entry
            ended = kind == "end"
        if header is None or not ended:
            raise Unusable("%s is cut off: it has no end line" % path)
        result.pythons.append(header["python"])
        ours |= names_of_a_moment(objects, exported)
        known |= ours
        for entry in objects:
            if entry["id"] not in ours:
                known.add(entry["id"])
                compare_object(entry, exported, ours, result)
    if not result.asked["missing"]:
        raise Unusable("%s has no objects" % truth_paths[0])
    result.only_exported.update(str(exported[each][0]) for each in exported if each not in known)
    return result


def printable(text):
    return str(text).encode("ascii", "backslashreplace").decode()


def print_differences(result, rows):
    def weight(name):
        counts = result.types[name]
        return -sum(counts[kind] for kind in KINDS if kind != "refcount"), -counts["refcount"], name
    differing = sorted((name for name, counts in result.types.items() if any(counts[kind] for kind in KINDS)), key=weight)
    if differing:
        print("%-40s%9s" % ("type", "objects") + "".join("%9s" % kind for kind in KINDS))
    for name in differing[:rows]:
        counts = result.types[name]
        print("%-40s%9d" % (printable(name)[:40], counts["objects"]) + "".join("%9d" % counts[kind] for kind in KINDS))
        for kind in KINDS:
            if (name, kind) in result.examples:
                print("    %s: %s" % (kind, printable(result.examples[name, kind])))
    if len(differing) > rows:
        print("... and %d more types" % (len(differing) - rows))
    if result.only_exported:
        most = ["%s %d" % (printable(name), n) for name, n in result.only_exported.most_common(12)]
        print("only exported (no error): %d objects: %s" % (sum(result.only_exported.values()), ", ".join(most)))


RATES = (("objects", "missing"), ("types", "type"), ("sizes", "size"), ("edges-recall", "lost"),
         ("edges-precision", "added"), ("gc", "gc"), ("refcounts", "refcount"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("export", metavar="EXPORT")
    parser.add_argument("truth", metavar="TRUTH", nargs="+")
    parser.add_argument("--guesses", metavar="RATE", type=float,
                        help="take guessed references for references; as much of both must be found and right")
    parser.add_argument("--json", metavar="FILE", help="write the rates and the differing types, too")
    parser.add_argument("--rows", type=int, default=30, help="types to print (30)")
    parser.add_argument("--allow", type=int, default=0, help="differences that are no error: of a target that works on (0)")
    options = parser.parse_args()
    gc.disable()  # nothing here makes cycles, and there are millions of small objects
    try:
        result = compare(options.export, options.truth, options.guesses is not None)
    except (Unusable, OSError, KeyError, TypeError) as problem:
        print("compare_truth.py: %s: %s" % (type(problem).__name__, problem), file=sys.stderr)
        return 2
    print_differences(result, options.rows)
    good = result.exact(options.allow) if options.guesses is None else result.guessed_well(options.guesses)
    rates = {name: result.right(kind) for name, kind in RATES}
    if options.json:
        with open(options.json, "w") as out:
            json.dump({"python": result.pythons, "exact": result.exact(), "good": good, "rates": rates,
                       "objects": result.asked["missing"], "edges": result.asked["lost"],
                       "types": {name: counts for name, counts in result.types.items()
                                 if any(counts[kind] for kind in KINDS)},
                       "only_exported": result.only_exported}, out)
    print("of %d objects and %d references: " % (result.asked["missing"], result.asked["lost"])
          + " ".join("%s %.6f" % rate for rate in rates.items()))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
