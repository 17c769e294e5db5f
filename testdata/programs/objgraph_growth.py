"""Grows by a known step for each line of its input, and writes what objgraph says has grown.

usage: objgraph_growth.py OBJGRAPH-FOLDER

READY comes after objgraph's first look; for each line it makes more objects and answers with objgraph.show_growth's
lines about its own classes, joined by "|".
"""
import gc
import io
import signal
import sys

sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
signal.alarm(900)
gc.disable()

import objgraph  # noqa: E402


class Leaf(object):
    def __init__(self, number):
        self.number = [number]


class Branch(object):
    def __init__(self, leaves):
        self.leaves = leaves


kept = [Leaf(0), Branch([])]


def grown():
    text = io.StringIO()
    objgraph.show_growth(limit=0, file=text)
    return "|".join(" ".join(line.split()) for line in text.getvalue().splitlines() if line.startswith(("Leaf", "Branch")))


grown()
print("READY", flush=True)
for step, line in enumerate(sys.stdin):
    kept.extend(Leaf(number) for number in range(300 * (step + 1)))
    kept.extend(Branch([each]) for each in kept[:20])
    print(grown(), flush=True)
