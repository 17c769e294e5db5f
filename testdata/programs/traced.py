"""Traces its allocations, and holds what heapglass says of them against the tracemalloc module's own word.

usage: traced.py FOLDER

Writes FOLDER/before, a snapshot by the module itself, allocates more, and says "READY PLACE ID ...": some objects, and
the line that tracemalloc says has allocated each of them. Told "compare" it reads what is then in FOLDER, the answers of
`heapglass tracemalloc`, and says "SAME" or what differs.
"""
import collections
import ctypes
import gc
import io
import json
import os
import sys
import tracemalloc

KEEP = []


class Thing:
    def __init__(self, n):
        self.n = n
        self.data = bytearray(n)


class Slotted:
    __slots__ = ("a",)


def deep(n):
    if n:
        return deep(n - 1)
    return [Thing(100), {"k": object()}]


def allocate(times):
    KEEP.extend(Thing(i) for i in range(times))
    KEEP.append({i: str(i) * 20 for i in range(times)})
    KEEP.append([deep(i % 9) for i in range(times)])
    KEEP.append(collections.OrderedDict((i, (i, i + 0.5)) for i in range(times)))
    KEEP.append(b"x" * 100000)
    names = {"__file__": __file__}
    exec(compile("made = [bytes(i + 2000) for i in range(%d)]" % times, "<m\u00fcll \u20ac>", "exec"), names)
    KEEP.append(names)


def track_domains():
    """What an extension tells tracemalloc of memory of its own."""
    track = ctypes.pythonapi.PyTraceMalloc_Track
    track.argtypes = [ctypes.c_uint, ctypes.c_size_t, ctypes.c_size_t]
    for i in range(20):
        track(389047, 0x1000 + 64 * i, 1000 + i)


def places():
    some = [Thing(1), Slotted(), {"a": 1}, [1, 2], (object(), 3), "text %d" % len(KEEP), {1, 2}, lambda: some, type("New", (), {})]
    KEEP.append(some)
    # What came from a free list may be traced as another's, or not at all; 3.11 looks in a wrong place for instances.
    traced = [(each, tracemalloc.get_object_traceback(each)) for each in some]
    known = [(each, str(traceback[-1])) for each, traceback in traced if traceback]
    place = collections.Counter(place for _, place in known).most_common(1)[0][0]
    return [place] + [str(id(each)) for each, at in known if at == place]


def first_difference(told, expected):
    for i, (a, b) in enumerate(zip(told, expected)):
        if a != b:
            return "row %d is told as %r, and is %r" % (i, a, b)
    return "" if len(told) == len(expected) else "%d rows are told of %d" % (len(told), len(expected))


def compare(folder, snapshot, memory):
    def answer(name):
        with open(os.path.join(folder, name)) as file:
            return json.load(file)

    def rows(name):
        return [row["text"] for row in answer(name)["rows"]]

    before = tracemalloc.Snapshot.load(os.path.join(folder, "before"))
    only = snapshot.filter_traces([tracemalloc.Filter(True, "*/traced.py"), tracemalloc.Filter(False, "*", 25)])
    checks = {
        "lineno": snapshot.statistics("lineno"),
        "filename": snapshot.statistics("filename"),
        "traceback": snapshot.statistics("traceback"),
        "cumulative": snapshot.statistics("lineno", cumulative=True),
        "compare": snapshot.compare_to(before, "lineno"),
        "filtered": only.statistics("lineno"),
    }
    for name, statistics in checks.items():
        wrong = first_difference(rows(name), [str(each) for each in statistics])
        if wrong:
            return name + ": " + wrong
    told = [[frame["line"] for frame in row["traceback"]] for row in answer("traceback")["rows"]]
    wrong = first_difference(told, [[frame.lineno for frame in each.traceback] for each in checks["traceback"]])
    if wrong:
        return "frames: " + wrong
    loaded = tracemalloc.Snapshot.load(os.path.join(folder, "dump"))
    key = lambda trace: trace[:2] + (trace[2],) + tuple(trace[3:])
    wrong = first_difference(sorted(map(key, loaded.traces._traces)), sorted(map(key, snapshot.traces._traces)))
    if wrong or loaded.traceback_limit != snapshot.traceback_limit:
        return "dump: " + wrong
    document = answer("lineno")
    memory = sum(trace[1] for trace in snapshot.traces._traces), memory[1]
    if document["current"] != memory[0] or document["peak"] not in (memory[1], None):
        return "memory: %r and %r are told of %r" % (document["current"], document["peak"], memory)
    return "SAME %d traces, peak %s" % (len(snapshot.traces), "told" if document["peak"] else "not told")


def main():
    folder = sys.argv[1]
    tracemalloc.start(7)
    allocate(200)
    tracemalloc.take_snapshot().dump(os.path.join(folder, "before"))
    track_domains()
    bytes(9000000)  # the peak
    allocate(300)
    del KEEP[3:40]
    ready = ("READY " + " ".join(places()) + "\n").encode()
    gc.collect()
    gc.disable()
    byte, wait = bytearray(1), io.FileIO(0, closefd=False).readinto
    get_traces, get_memory, write = tracemalloc._get_traces, tracemalloc.get_traced_memory, os.write
    memory = get_memory()
    traces = get_traces()
    write(1, ready)
    wait(byte)
    tracemalloc.stop()
    snapshot = tracemalloc.Snapshot(traces, 7)
    print("", flush=True)
    for question in sys.stdin:
        if question.strip() == "compare":
            print(compare(folder, snapshot, memory), flush=True)


if __name__ == "__main__":
    main()
