"""A master and forked workers that write to what they have inherited, each cause on pages of its own.

usage: forked_family.py WORKERS MEGABYTES [freeze] [settled] [collect] [count] [write] [grow]

freeze: gc.freeze() before the fork. settled: collections before it, until one leaves the collector's lists as they were.
In each worker: collect: a full collection. count: another reference to each of the objects of COUNTED. write: another value
in each of WRITTEN. grow: four megabytes of memory of its own.
Prints READY and the workers' process ids. Ends, and they with it, when its input ends.
"""
import gc
import os
import sys

workers, megabytes = int(sys.argv[1]), int(sys.argv[2])
words = sys.argv[3:]


class Record(object):
    __slots__ = ("value", "next")

    def __init__(self, value):
        self.value = value
        self.next = None


gc.disable()
per_megabyte = 16000
LEFT_ALONE = [Record(None) for _ in range(megabytes * per_megabyte)]
COUNTED = [float(i) for i in range(megabytes * per_megabyte // 4)]
WRITTEN = bytearray(b"x") * (megabytes << 18)
if "settled" in words:
    for _ in range(4):
        gc.collect()
if "freeze" in words:
    gc.freeze()
read_end, write_end = os.pipe()
ready_read, ready_write = os.pipe()
pids = []
for _ in range(workers):
    pid = os.fork()
    if pid == 0:
        os.close(write_end)
        if "collect" in words:
            gc.collect()
        if "count" in words:
            COUNTED_AGAIN = COUNTED[:]
        if "write" in words:
            for at in range(0, len(WRITTEN), 4096):
                WRITTEN[at] = 121
        if "grow" in words:
            GROWN = bytearray(b"y") * (4 << 20)
        os.write(ready_write, b".")
        os.read(read_end, 1)  # until the master is gone
        os._exit(0)
    pids.append(pid)
for _ in pids:
    os.read(ready_read, 1)
sys.stdout.write("READY %s\n" % " ".join(map(str, pids)))
sys.stdout.flush()
sys.stdin.read()
os.close(write_end)
for pid in pids:
    os.waitpid(pid, 0)
