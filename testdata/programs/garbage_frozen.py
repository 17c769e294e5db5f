"""Garbage while the collector is disabled, part of it frozen. usage: garbage_frozen.py FILE

For each `c` what gc.collect() returns is written to FILE and answered with D; then nothing is frozen any more.

Python 3.7 to 3.15.
"""
import gc
import sys

gc.disable()


class Node:
    pass


def cycles(count):
    for number in range(count):
        node = Node()
        node.itself = node
        if number % 2:
            node.items = [node]


cycles(100)
gc.freeze()
cycles(30)
sys.stdout.write("READY\n")
sys.stdout.flush()
while sys.stdin.read(1) == "c":
    found = gc.collect()
    with open(sys.argv[1], "w") as file:
        file.write("%d" % found)
    gc.unfreeze()
    sys.stdout.write("D")
    sys.stdout.flush()
