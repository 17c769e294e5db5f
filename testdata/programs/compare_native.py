"""Compares the machine code that heapglass stacks names with what gdb unwinds of the same process or core.

compare_native.py ANSWER GDB    JSON of stacks --native, and lines "frame TID ADDRESS NAME" that gdb printed, innermost
                                first; without any, each stack has to reach the function that began its thread
"""
import json
import sys

answer, gdb = {}, {}
with open(sys.argv[1]) as file:
    told = json.load(file)
for thread in told["threads"]:
    answer[thread["tid"]] = thread
with open(sys.argv[2]) as file:
    for line in file:
        parts = line.split()
        if len(parts) == 4 and parts[0] == "frame":
            gdb.setdefault(int(parts[1]), []).append((int(parts[2], 16), parts[3]))

CALLS = [("compared", "C qsort", "sorts"), ("compared", "C qsort_r", "sorts"), ("handles", "C syscall", "signalled")]
calls = set()
wrong = []
named = signals = placed = 0
for tid, thread in answer.items():
    ours = thread["native_frames"]
    python = [frame["function"] for frame in thread["frames"]]
    if any(frame["python_frames"] is None for frame in ours):
        # A part of _PyEval_EvalFrameDefault that the compiler put apart has no name in a stripped file.
        if all(frame["function"] for frame in ours):
            wrong.append("thread %d: no call has its Python frames" % tid)
    else:
        placed += 1
        merged = []
        for frame in ours:
            merged.append("C " + (frame["function"] or "?").split("@")[0])
            merged += [python.pop(0) for _ in range(frame["python_frames"])]
        if python:
            wrong.append("thread %d: %s are in no call" % (tid, python))
        # What C called, the C function, and who called that.
        for inner, called, outer in CALLS:
            if outer not in merged or inner not in merged or called not in merged:
                continue
            calls.add(called)
            if not merged.index(inner) < merged.index(called) < merged.index(outer):
                wrong.append("thread %d: %s is not between %s and %s: %s" % (tid, called, inner, outer, merged))
    if thread["native_ends"] is not None:
        wrong.append("thread %d: %s" % (tid, thread["native_ends"]))
    if len(ours) < 8:
        wrong.append("thread %d has %d frames" % (tid, len(ours)))
    if not gdb:
        continue
    if tid not in gdb:
        wrong.append("gdb has no thread %d" % tid)
        continue
    addresses = [frame["address"] for frame in ours]
    if addresses != [address for address, _ in gdb[tid]]:
        at = next((i for i, (a, (b, _)) in enumerate(zip(addresses, gdb[tid])) if a != b), min(len(ours), len(gdb[tid])))
        wrong.append("thread %d: frame %d of %d is %s, but gdb has %s of %d" % (
            tid, at, len(ours), ours[at:at + 1], gdb[tid][at:at + 1], len(gdb[tid])))
        continue
    for frame, (_, name) in zip(ours, gdb[tid]):
        # A function has several names, and gdb may know one from debug information.
        plain = (frame["function"] or "").strip("_").split(".")[0]
        named += plain != "" and plain == name.strip("_").split("@")[0].split(".")[0]
        signals += name == "SIGNAL"
if len(answer) != 6:
    wrong.append("%d threads" % len(answer))
functions = {frame["function"] for thread in answer.values() for frame in thread["native_frames"]}
if not functions & {"qsort", "qsort_r"}:
    wrong.append("no frame of qsort")
if placed == len(answer) and len(calls) < 2:
    wrong.append("calls of C that call Python: %s" % calls)
if gdb and not signals:
    wrong.append("gdb saw no signal handler's frame")
if gdb and named < 20:
    wrong.append("only %d functions have gdb's names" % named)
print("%d threads, %d frames, %d named as by gdb, %d with the Python functions in their places" % (
    len(answer), sum(len(t["native_frames"]) for t in answer.values()), named, placed))
print("\n".join(wrong))
sys.exit(bool(wrong))
