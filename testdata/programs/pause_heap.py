"""So many MB of small objects, a clock that notices every pause, and on demand a writer that touches all of them.

usage: pause_heap.py MB LIBRARY [ordinary | busy], the library being pause_heap.c compiled. With `ordinary` the clock has the
priority of everybody, with `busy` it also never sleeps. Each line read is answered with one: `gaps`: those of the clock
since it was last asked, as "start+length" in ns of CLOCK_MONOTONIC; `write`: starts the writer; `writes`: how often it has
written; `fork`: ns that a fork() of its own takes.
"""
import ctypes
import os
import sys

library = ctypes.CDLL(sys.argv[2])
library.writes_so_far.restype = library.fork_once.restype = ctypes.c_long
library.take_gaps.restype = ctypes.c_size_t
gaps = (ctypes.c_uint64 * (2 << 16))()
library.start_writer.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
held = [bytes(440) for _ in range(int(sys.argv[1]) * 1000000 // 480)]
library.start_clock(["first", "ordinary", "busy"].index(sys.argv[3] if len(sys.argv) > 3 else "first"))


def ranges_of_the_heap():
    words = []
    with open("/proc/self/maps") as maps:
        for line in maps:
            bounds, mode, _, _, inode = line.split()[:5]
            start, end = (int(each, 16) for each in bounds.split("-"))
            if mode == "rw-p" and inode == "0" and "[stack]" not in line and end - start >= 1 << 20:
                words += [start, end - start]
    return words


def present(words):
    """Without the pages that nobody has touched."""
    kept = []
    with open("/proc/self/pagemap", "rb") as pagemap:
        for start, size in zip(words[::2], words[1::2]):
            pagemap.seek(start // 4096 * 8)
            entries = memoryview(pagemap.read(size // 4096 * 8)).cast("Q")
            for i, entry in enumerate(entries):
                if not entry >> 63:
                    continue
                if kept and kept[-2] + kept[-1] == start + i * 4096:
                    kept[-1] += 4096
                else:
                    kept += [start + i * 4096, 4096]
    return kept


os.write(1, b"READY\n")
for question in iter(sys.stdin.readline, ""):
    answer = 0
    if question == "gaps\n":
        words = gaps[:2 * library.take_gaps(gaps)]
        os.write(1, b" ".join(b"%d+%d" % pair for pair in zip(words[::2], words[1::2])) + b"\n")
        continue
    if question == "writes\n":
        answer = library.writes_so_far()
    elif question == "fork\n":
        answer = library.fork_once()
    elif question == "write\n":
        words = present(ranges_of_the_heap())
        library.start_writer((ctypes.c_uint64 * len(words))(*words), len(words) // 2)
    os.write(1, b"%d\n" % answer)
os._exit(0)
