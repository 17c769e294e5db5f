"""Held in the middle of a garbage collection, with garbage on the collector's own lists. usage: collecting.py HOW [--truth FILE]

HOW is where the collector stands still: callback (gc.callbacks, before it looks), weakref (the callback of a weak
reference to garbage), finalizer (a __del__ of garbage), clear (a __del__ that tp_clear brings about: part of the garbage
is gone by then), traverse (a tp_traverse that does not come back), always (nowhere: a thread collects over and over).

The truth is of the moment before the collection. Behind READY stands how many Trash there are now.
"""
import ctypes
import gc
import os
import signal
import sys
import threading
import weakref

import truth

HOW = sys.argv[1]
COUNT = 800
TP_TRAVERSE = object.__basicsize__ + 21 * ctypes.sizeof(ctypes.c_void_p)  # 3.7's debug build has a longer PyObject


class Trash(object):
    def __init__(self, number):
        self.me, self.payload = self, [number]


class Last(Trash):
    """With what stops the collector."""


class Stops(object):
    __slots__ = ()  # nothing that the collector looks at
    seen = []

    def __del__(self):
        self.seen.append(None)
        if len(self.seen) > COUNT // 2:
            hold()


class Loops(object):
    pass


def hold(*_):
    if started.locked():
        # Every instance holds a reference to its class.
        os.write(1, b"READY %d\n" % (sys.getrefcount(Trash) - held_by_others))
        while os.read(0, 1):
            pass
        os._exit(0)


def collect_always(holder, go):
    """Nothing but a new object, the last on the lists, holds the heap: most of it is taken for garbage at first."""
    collect = gc.collect
    go.acquire()
    while True:
        holder = [holder[0]]
        collect()


signal.alarm(truth.LIFETIME)
# Locks, since what they are set to is no object: nothing of the heap changes between the truth and the look.
started, go = threading.Lock(), threading.Lock()
keep = {"live": [Trash(i) for i in range(COUNT)], "deep": None, "loops": Loops()}
held_by_others = sys.getrefcount(Trash) - COUNT
for i in range(COUNT):
    keep["deep"] = [keep["deep"]]
if HOW == "callback":
    gc.callbacks.append(hold)
elif HOW == "finalizer":
    Last.__del__ = hold
elif HOW == "always":
    go.acquire()
    threading.Thread(target=collect_always, args=([[Trash(i) for i in range(30 * COUNT)]], go), daemon=True).start()
elif HOW == "traverse":
    pause = ctypes.cast(ctypes.CDLL(None).pause, ctypes.c_void_p).value
    slot = ctypes.c_void_p.from_address(id(Loops) + TP_TRAVERSE)

truth.write_truth(os.devnull)  # what it makes only once is made now, and what was garbage so far goes
gc.disable()

if HOW != "always":
    for i in range(COUNT):
        Trash(i)
    a, b = Last(-1), {}
    a.other, b["other"] = b, a
    if HOW == "weakref":
        keep["weak"] = weakref.ref(a, hold)
    del a, b
    for i in range(COUNT):
        Trash(i).payload.append(Stops() if HOW == "clear" else None)

if sys.argv[2:3] == ["--truth"]:
    truth.write_truth(sys.argv[3], rehearse=False)
started.acquire()
if HOW == "always":
    go.release()
    hold()
elif HOW == "traverse":
    os.write(1, b"READY %d\n" % (sys.getrefcount(Trash) - held_by_others))
    slot.value = pause
gc.collect()
