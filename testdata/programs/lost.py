"""Objects whose last reference an extension has lost: 4,000 floats, 4,000 short texts and 100 long ones (--lose), or 20
texts of 2 MB (--lose-large)."""
import ctypes
import sys

KEPT = ["kept %d" % i for i in range(500)] + [i * 0.25 for i in range(500)]

lose = ctypes.pythonapi.Py_IncRef
lose.argtypes, lose.restype = [ctypes.py_object], None
if "--lose" in sys.argv:
    for n in range(4000):
        lose("n%d" % n)
        lose(n * 1.5)
    for n in range(100):
        lose("%d " % n * 400)
elif "--lose-large" in sys.argv:
    for n in range(20):
        lose(chr(65 + n) * 2000000)
else:
    # As much is made and freed: what stands in freed blocks is nothing.
    gone = [("n%d" % n, n * 1.5, ("%d " % n * 400)) for n in range(4000)]
    del gone[::2]
    del gone

print("READY", flush=True)
sys.stdin.read()
