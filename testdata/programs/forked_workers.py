"""A process that forks workers when its heap is there, as servers do that load their application first.

usage: forked_workers.py WORKERS MEGABYTES [UNTOUCHED_MEGABYTES]

The heap is frozen (gc.freeze) before the fork, so that collections do not write to it. With UNTOUCHED_MEGABYTES each worker
also has that much memory which it has read and never written: page tables full of the kernel's page of zeros.
Prints READY and the workers' process ids. Ends, and they with it, when its input ends.
"""
import gc
import mmap
import os
import sys
import time

workers, megabytes = int(sys.argv[1]), int(sys.argv[2])
untouched = int(sys.argv[3]) << 20 if len(sys.argv) > 3 else 0


class Page(object):
    def __init__(self, number):
        self.number = number
        self.title = "page %d" % number
        self.tags = [self.title, {"number": number}]


def grow(size):
    pages = []
    step = 2000
    while len(pages) * 700 < size:
        pages.extend(Page(len(pages) + i) for i in range(step))
    return pages


PAGES = grow(megabytes << 20)
gc.collect()
getattr(gc, "freeze", lambda: None)()
read_end, write_end = os.pipe()
ready_read, ready_write = os.pipe()
pids = []
for _ in range(workers):
    pid = os.fork()
    if pid == 0:
        os.close(write_end)
        if untouched:
            memory = mmap.mmap(-1, untouched, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            getattr(memory, "madvise", lambda how: None)(getattr(mmap, "MADV_NOHUGEPAGE", 15))
            view = memoryview(memory)
            for at in range(0, untouched, 4096):
                view[at]
        os.write(ready_write, b".")
        os.read(read_end, 1)  # until the master is gone
        os._exit(0)
    pids.append(pid)
for _ in pids:
    os.read(ready_read, 1)
time.sleep(0.1)
sys.stdout.write("READY %s\n" % " ".join(map(str, pids)))
sys.stdout.flush()
sys.stdin.read()
os.close(write_end)
for pid in pids:
    os.waitpid(pid, 0)
