"""Objects that only the collector's list leads to, and the list is cut among them, as while one is linked.

READY is followed by how many they are.
"""
import ctypes
import gc
import os
import sys


class Lost(object):
    pass


def lose(count):
    where = []
    for _ in range(count):
        thing = Lost()
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))
        where.append(id(thing))
    return where


where = lose(200)
gc.collect()  # onto the oldest list, whose members nobody moves any more
gc.disable()
head = where[100] - (sys.getsizeof([]) - [].__sizeof__())
ctypes.c_void_p.from_address(head).value = 0  # _gc_next
os.write(1, b"READY 200\n")
os.read(0, 1)
os._exit(0)
