"""Objects with memory in buffers of their own, and how much: for the column of external bytes.

Prints after READY, as one line of JSON, the name of each type here and the bytes that its one object has outside of
its own block, by the interpreter's own figures. Each type has exactly one object of more than a megabyte.
"""
import array
import collections
import ctypes
import gc
import io
import json
import mmap
import sys

gc.disable()


class BigList(list):
    __slots__ = ()


class BigDict(dict):
    __slots__ = ()


class BigSet(set):
    __slots__ = ()


class BigBytes(bytes):  # its items are in its own block
    pass


kept = {
    "builtins.bytearray": bytearray(3000000),
    "array.array": array.array("d", [1.0]) * 400000,
    "collections.deque": collections.deque(range(300000)),
    "mmap.mmap": mmap.mmap(-1, 5000192),
    "__main__.c_double_Array_500000": (ctypes.c_double * 500000)(),
    "__main__.BigList": BigList([None] * 200000),
    "__main__.BigDict": BigDict.fromkeys(range(100000)),
    "__main__.BigSet": BigSet(range(100000)),
    "_io.BytesIO": io.BytesIO(b"x" * 2000000),
    "__main__.BigBytes": BigBytes(1500000),
}
kept["_io.BytesIO"].write(b"y")  # a buffer of its own from now on


def own_block(it):
    """Bytes of the block that the object itself is in, with what stands in front of it."""
    cls = type(it)
    items = len(it) * cls.__itemsize__ if cls.__itemsize__ else 0
    head = sys.getsizeof(it) - it.__sizeof__()
    return cls.__basicsize__ + items + head


expected = {}
for name, it in kept.items():
    if name == "mmap.mmap":
        expected[name] = len(it)
    elif name == "_io.BytesIO" or (name == "builtins.bytearray" and sys.version_info >= (3, 15)):
        expected[name] = 0  # its buffer is a bytes object, which counts as such
    elif name.startswith("__main__.c_double"):
        expected[name] = ctypes.sizeof(it)
    else:
        expected[name] = sys.getsizeof(it) - own_block(it)
print("READY " + json.dumps(expected), flush=True)
sys.stdin.read()
