# cause: leaks native-references .*
"""Py_INCREF by C code that forgets the Py_DECREF."""
import ctypes

import leaking
import storefront

keep = ctypes.pythonapi.Py_IncRef
keep.argtypes = [ctypes.py_object]
keep.restype = None


class Row:
    def __init__(self, number):
        self.cells = ["cell %d.%d" % (number, i) for i in range(10)]


def leak(i):
    storefront.serve(i)
    keep(Row(i))


leaking.run(leak, 4000)
