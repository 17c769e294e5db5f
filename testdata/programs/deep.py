"""Structures so deep that whoever follows them by recursion dies. usage: deep.py [LENGTH OF THE LINKED LIST]

A quarter as deep in debug builds, where an object takes five times as long to tell: heapglass follows both alike.
"""
import sys

import truth


class Node(object):
    __slots__ = ("next", "value")

    def __init__(self, following, value):
        self.next, self.value = following, value


depth = 50000 if hasattr(sys, "gettotalrefcount") else 200000
head = None
for i in range(int(sys.argv[1]) if sys.argv[1:2] and sys.argv[1].isdigit() else depth):
    head = Node(head, i & 255)

nested = ()
for i in range(depth // 2):
    nested = (nested,)

lists, dicts, cells = [], {}, None
for i in range(depth // 10):
    lists = [lists]
    dicts = {"deeper": dicts}


def closing(over):
    return lambda: over


for i in range(depth // 10):
    cells = closing(cells)

truth.hold()
