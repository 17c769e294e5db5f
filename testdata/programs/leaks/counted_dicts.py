"""Extensions keep references to dicts of their own, as Cython's modules do to those of their classes: a twentieth of the memory.
With each more of leak() it is more, up to most of it.
"""
import ctypes

articles = ["a long description of the article %d" % i * 40 for i in range(8000)]
keep = ctypes.pythonapi.Py_IncRef
keep.argtypes = [ctypes.py_object]


def leak(i):
    keep({key: [key + i] for key in range(4)})


if __name__ == "__main__":
    import leaking
    leaking.run(leak, 700)
