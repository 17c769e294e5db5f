"""Structures so deep that whoever follows them by recursion dies. usage: deep.py [LENGTH OF THE LINKED LIST]"""
import sys

import truth


class Node(object):
    __slots__ = ("next", "value")

    def __init__(self, following, value):
        self.next, self.value = following, value


head = None
for i in range(int(sys.argv[1]) if sys.argv[1:2] and sys.argv[1].isdigit() else 200000):
    head = Node(head, i & 255)

nested = ()
for i in range(100000):
    nested = (nested,)

lists, dicts, cells = [], {}, None
for i in range(20000):
    lists = [lists]
    dicts = {"deeper": dicts}


def closing(over):
    return lambda: over


for i in range(20000):
    cells = closing(cells)

truth.hold()
