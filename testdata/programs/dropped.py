"""Structures that are dropped one after another, to see what really goes with each.

Prints READY and the address of each structure. For every byte on standard input drops the next one, collects, and
answers with a byte; the first byte drops nothing. Ends with the input.
"""
import gc
import os
import sys
import weakref

gc.disable()


class Session:
    def __init__(self, number):
        self.name = "session %d of the test" % number
        self.history = [float(number)] * 3


class Slotted:
    __slots__ = ("left", "right", "__weakref__")


class Node:
    def __del__(self):
        pass


def closure(data):
    def inner():
        return data
    return inner


def make_ring(length):
    first = last = Node()
    for _ in range(length):
        node = Node()
        last.next, last = node, node
    last.next = first
    return first


shared = ["held by two of them", object()]
chain = None
for number in range(20000):
    chain = (chain, float(number))
slotted = [Slotted() for _ in range(100)]
for each in slotted:
    each.left, each.right = shared, bytearray(1000)
each = None

kept = [
    None,
    {number: Session(number) for number in range(5000, 6000)},
    slotted,
    chain,
    closure([object() for _ in range(500)]),
    make_ring(300),
    {"shared": shared, "own": {frozenset([float(n)]) for n in range(50)}},
    [weakref.ref(slotted[0]), "only weakly".upper()],
    (Session(1), [Session(2)], {"generator": (float(n) for n in range(3))}),
]
slotted = chain = None
gc.collect()
sys.stdout.write("READY " + " ".join("%d" % id(each) for each in kept[1:]) + "\n")
sys.stdout.flush()
step = 0
gc.collect()
while os.read(0, 1):
    kept[step] = None
    step += 1
    gc.collect()
    os.write(1, b"D")
