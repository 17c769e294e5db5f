"""The collector disabled, cycles as garbage that nobody will free, and objects of the youngest generation only."""
import gc
import sys

gc.disable()

import truth  # noqa: E402


class Cycle(object):
    def __init__(self, i):
        self.me, self.payload = self, [i]

    def __del__(self):
        pass


for i in range(2000):
    Cycle(i)
    a, b = [], {}
    a.append(b)
    b["a"] = a
del a, b
gc.set_debug(gc.DEBUG_SAVEALL)  # the truth's own collection must not take them away, and shows gc.garbage in use
young = [[i] for i in range(10000)]

truth.hold()
