"""Types with a __sizeof__ of their own that is written in C: only that code can tell, as with types of extension modules."""
import array
import collections
import io

import truth


def told_by(base):
    """A class that no rule for `base` is meant for: it has the method itself."""
    return type("Own" + base.__name__, (base,), {"__sizeof__": base.__sizeof__})


keep = []
for base in (list, set, dict, tuple, bytearray, array.array, collections.deque, collections.OrderedDict, io.BytesIO, io.StringIO, int, str):
    cls = told_by(base)
    for n in (0, 1, 10, 1000):
        if base is array.array:
            keep.append(cls("d", range(n)))
        elif base in (dict, collections.OrderedDict):
            keep.append(cls((i, [i]) for i in range(n)))
        elif base is io.BytesIO:
            keep.append(cls(b"x" * n))
        elif base in (io.StringIO, str):
            keep.append(cls("x" * n))
        elif base is int:
            keep.append(cls(1 << 8 * n))
        else:
            keep.append(cls(range(n) if base is bytearray and n < 256 else bytes(n) if base is bytearray else range(n)))

truth.hold()
