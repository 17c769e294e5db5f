"""numpy: arrays, views, dtypes, iterators and generators of every kind."""
import truth

import numpy as np

keep = {}


class Tagged(np.ndarray):
    pass


record = np.dtype([("name", "U10"), ("place", [("x", "f8"), ("y", "f8")]), ("any", object)])
base = np.arange(1000.0)
tagged = base[:10].view(Tagged)
tagged.tag = ["of an instance"]
objects = np.array([[i] for i in range(50)] + [None], dtype=object)
keep["arrays"] = [base, base[::2], base.reshape(10, 100).T, tagged, objects, objects[3:9], np.zeros((3, 0)), np.array("text"), np.ones(3, record),
                  np.array([b"x", b"yy"]), np.array(["2024-01-01"], "M8[D]"), np.array(5, dtype=object), np.arange(5, dtype=">i2"),
                  np.broadcast_to(base[:3], (4, 3)), np.frombuffer(bytearray(800)), np.ma.array([1, 2], mask=[0, 1]), np.asfortranarray(base.reshape(2, 500))]
keep["dtypes"] = [record, record["place"], np.dtype("f8"), np.dtype((np.int32, (2, 2))), np.dtype("M8[us]"), np.dtype({"names": ["a"], "formats": ["i4"], "itemsize": 16}),
                  np.dtype("f8", metadata={"unit": ["m"]})]
keep["scalars"] = [np.float64(1), np.int8(3), np.str_("text"), np.bytes_(b"x"), np.datetime64("2024-01-01"), np.complex128(1j), np.bool_(True),
                   np.ones(1, record)[0], np.array([(1, [2])], dtype=[("a", "i4"), ("b", object)])[0]]
keep["iterators"] = [base.flat, np.nditer(base.reshape(10, 100)), np.nditer([base[:3], base[3:6]]), np.broadcast(base[:3], base[:2, None]), np.ndenumerate(base),
                     np.ndindex(3, 4), iter(base), base.flat]
keep["random"] = [np.random.RandomState(1), np.random.default_rng(2), np.random.PCG64(3), np.random.SeedSequence(4)]
keep["functions"] = [np.add, np.vectorize(len), np.frompyfunc(lambda a, b: [a, b], 2, 1), np.add.reduce, np.poly1d([1, 2]), base.__array_interface__, base.flags,
                     np.frompyfunc(len, 1, 1)(objects[:5]), np.errstate(all="ignore"), base.data, base.ctypes]
keep["memory"] = memoryview(base), np.lib.stride_tricks.sliding_window_view(base, 10) if hasattr(np.lib.stride_tricks, "sliding_window_view") else None
objects[7] = keep
try:
    base.reshape(7, 7)
except ValueError as error:
    keep["error"] = error

truth.hold()
