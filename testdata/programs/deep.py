"""Structures so deep that whoever follows them by recursion dies: a million-long list, tuples 100 thousand deep."""
import gc
import sys

import truth


class Node(object):
    __slots__ = ("next", "value")

    def __init__(self, following, value):
        self.next, self.value = following, value


head = None
for i in range(300000 if "--small" in sys.argv else 1000000):
    head = Node(head, i & 255)

nested = ()
for i in range(100000):
    nested = (nested,)

lists, dicts, cells = [], {}, None
for i in range(100000):
    lists = [lists]
    dicts = {"deeper": dicts}


def closing(over):
    return lambda: over


for i in range(100000):
    cells = closing(cells)

truth.hold()
