# cause: memory native memory.*blocks of
"""malloc() by ctypes, and the pointer is dropped."""
import ctypes

import leaking
import storefront

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]


def leak(i):
    storefront.serve(i)
    ctypes.memset(libc.malloc(5000), 7, 5000)


leaking.run(leak, 10000)
