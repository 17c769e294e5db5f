"""Cycles of many makes that nobody holds any more, for a collection that has not come yet.

Prints READY; for a byte on standard input collects, answers with a byte and keeps still again.
"""
import gc
import os
import sys
import weakref

gc.disable()


class Node:
    pass


class WithDel:
    def __del__(self):
        self.data  # looks, and changes nothing that stays


class Slotted:
    __slots__ = ("other", "data", "__weakref__")


def cycle_of(kind, data):
    first, second = kind(), kind()
    first.other, second.other = second, first
    first.data = second.data = data
    return first


def generate():
    me = yield
    yield me


def closure():
    def inner():
        return inner, data
    data = [bytearray(1000), "only in this closure: %d" % id(inner)]


def exception():
    try:
        raise ValueError("that holds its own frame")
    except ValueError as error:
        mine = error
        mine.frame = mine.__traceback__.tb_frame


def run_time_class():
    class Short:
        attribute = ["of a class that is gone"]
    Short().me = Short


def nothing(reference):
    pass


gc.garbage.append(Node())
kept = cycle_of(Node, "held")
frozen = cycle_of(Node, "frozen")
gc.collect()
gc.freeze()
frozen = None
held_inside = {"a cycle of garbage holds it too": [1.5]}
watched = []
for number in range(50):
    cycle_of(Node, {"number": float(number), "text": "a text of node %d" % number})
    cycle_of(WithDel, [float(number)])
    one = cycle_of(Slotted, (float(number), held_inside))
    watched.append(weakref.ref(one, nothing) if number % 2 else weakref.ref(one))
    one = None
    ring = []
    ring.append(ring)
    ring.append({"ring": ring, number: frozenset([float(number)])})
    ring = None
    # Ubuntu's 3.12.3 counts such a generator in each collection anew, and never frees it.
    if sys.version_info[:3] != (3, 12, 3):
        generator = generate()
        next(generator)
        generator.send(generator)
        generator = None
    closure()
    exception()
for number in range(3):
    run_time_class()
number = None
sys.stdout.write("READY\n")
sys.stdout.flush()
while os.read(0, 1):
    gc.collect()
    os.write(1, b"D")
