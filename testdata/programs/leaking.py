"""C code that takes references and never gives them back, and C code that keeps them in memory of its own.

usage: leaking.py [--leak]
"""
import ctypes
import gc
import sys


class Lost:
    pass


class LostList(list):
    pass


class Kept:
    pass


def take(thing):
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def lose(count):
    for number in range(count):
        thing = Lost()
        thing.number = number
        take(thing)


def keep(count):
    places = (ctypes.c_void_p * count)()
    for number in range(count):
        thing = Kept()
        take(thing)
        places[number] = id(thing)
    return places


def forget():
    """What is on a stack or in free memory looks like a reference for as long as nothing is written over it."""
    if sys.getrecursionlimit():
        filled = [[number] * 3 for number in range(20000)]
        del filled
        gc.collect()


several = LostList()
if "--leak" in sys.argv:
    lose(200)
    for _ in range(7):
        take(several)
places = keep(50)
forget()
sys.stdout.write("READY\n")
sys.stdout.flush()
sys.stdin.read(1)
