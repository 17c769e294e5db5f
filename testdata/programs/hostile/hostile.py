"""Objects whose tp_traverse does what it must not: each function of hostile.cc is that of one class, with three objects.

usage: hostile.py LIBRARY PATH [FUNCTION]...

PATH is a file that one tries to make. With FUNCTIONs only those and honest. Prints READY and the address of the object
that honest ones visit, and waits until standard input ends. Release builds only: it knows where tp_traverse is.
"""
import ctypes
import gc
import os
import sys

gc.disable()  # nobody but heapglass shall call them

TP_TRAVERSE = 23 * ctypes.sizeof(ctypes.c_void_p)
FUNCTIONS = ("opens", "opens_plainly", "opens_as_32_bit", "opens_as_x32", "executes", "forks", "connects", "writes", "kills",
             "maps_memory", "aborts", "exits", "loops", "floods", "visits_nonsense", "damages_another", "damages_code",
             "loses_its_stack", "forges_the_record", "damages_the_caller", "damages_the_limits")

library = ctypes.CDLL(sys.argv[1])
referent = [object()]
victim = {"untouched": referent}
path = ctypes.create_string_buffer(os.fsencode(sys.argv[2]))
ctypes.c_void_p.in_dll(library, "referent").value = id(referent)
ctypes.c_void_p.in_dll(library, "victim").value = id(victim)
ctypes.c_void_p.in_dll(library, "file_path").value = ctypes.addressof(path)

classes, objects = [], []
for name in tuple(sys.argv[3:]) or FUNCTIONS:
    # Honest ones between, so that whatever a hostile one leaves behind meets them. They are many: each hostile class
    # fails for all of its objects, the honest for none.
    for function in (name, "honest"):
        cls = type(function, (), {})
        classes.append(cls)
        objects.extend(cls() for _ in range(3))
        traverse = ctypes.cast(getattr(library, function), ctypes.c_void_p).value
        ctypes.c_void_p.from_address(id(cls) + TP_TRAVERSE).value = traverse

print("READY", id(referent), flush=True)
sys.stdin.read()
os._exit(0)
