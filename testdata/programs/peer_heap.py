"""The heap of bench_heap.py with a clock in it, and what people use from inside, one tool a line of input.

usage: peer_heap.py OBJECTS [PACKAGES]

PACKAGES is a folder with objgraph, guppy3 and pympler, as far as they are to be had. Each line read is answered with one of
JSON behind "= " (guppy3 has warnings that it prints to the standard output). `tools`: the names of what can be asked. `held`: the id of the object whose referrers and path are asked for. `gap`: the
longest time in ms that the clock, a thread that wakes up every half millisecond, did not get its turn since it was last asked.
The name of a tool: ms that it took, the gap meanwhile, and the objects that it saw, where it says so.
"""
import collections
import gc
import io
import json
import sys
import threading
import time
import tracemalloc

sys.path[1:1] = sys.argv[2:3]
import truth

truth.hold = lambda: None
sys.argv[2:] = []
import bench_heap

orders, index, points = bench_heap.service
held = orders[len(orders) // 2]


class Clock(threading.Thread):
    def __init__(self):
        threading.Thread.__init__(self)
        self.daemon = True
        self.longest = 0.0

    def run(self):
        last = time.perf_counter()
        while True:
            time.sleep(0.0005)
            # Through C, so that a new evaluation loop begins: pyheap_dump waits for one.
            now = next(map(self.now, (None,)))
            self.longest = max(self.longest, now - last)
            last = now

    def now(self, _):
        return time.perf_counter()

    def take(self):
        longest, self.longest = self.longest, 0.0
        return longest * 1e3


def counter():
    objects = gc.get_objects()
    collections.Counter(type(each).__name__ for each in objects).most_common(10)
    return len(objects)


TOOLS = {"gc.get_objects + Counter": counter}
try:
    import objgraph

    TOOLS["objgraph.most_common_types"] = lambda: sum(objgraph.typestats().values())
    TOOLS["objgraph.show_backrefs"] = lambda: objgraph.show_backrefs([held], output=io.StringIO())
    TOOLS["objgraph.find_backref_chain"] = lambda: len(objgraph.find_backref_chain(held, objgraph.is_proper_module)) and None
    TOOLS["objgraph.show_growth"] = lambda: objgraph.show_growth(file=io.StringIO())
except ImportError:
    pass
try:
    import guppy

    hpy = guppy.hpy()
    TOOLS["guppy3 heap()"] = lambda: hpy.heap().count
    TOOLS["guppy3 iso(x).domisize"] = lambda: hpy.iso(index).domisize and None
    TOOLS["guppy3 iso(x).rp"] = lambda: str(hpy.iso(held).rp) and None
    TOOLS["guppy3 iso(x).sp"] = lambda: str(hpy.iso(held).sp) and None
except ImportError:
    pass
try:
    from pympler import muppy, summary

    TOOLS["pympler muppy + summary"] = lambda: len(summary.summarize(muppy.get_objects())) and None
except ImportError:
    pass

if tracemalloc.is_tracing():
    TOOLS["tracemalloc statistics"] = lambda: len(tracemalloc.take_snapshot().statistics("lineno")) and None

clock = Clock()
clock.start()
sys.stdout.write("READY\n")
sys.stdout.flush()
for line in iter(sys.stdin.readline, ""):
    asked = line.strip()
    if asked == "tools":
        answer = sorted(TOOLS)
    elif asked == "held":
        answer = id(held)
    elif asked == "gap":
        answer = clock.take()
    else:
        clock.take()
        began = time.perf_counter()
        seen = TOOLS[asked]()
        took = (time.perf_counter() - began) * 1e3
        # The clock gets its turn, and so the gap's end.
        time.sleep(0.01)
        answer = {"ms": took, "gap": clock.take(), "objects": seen}
    sys.stdout.write("\n= " + json.dumps(answer) + "\n")
    sys.stdout.flush()
