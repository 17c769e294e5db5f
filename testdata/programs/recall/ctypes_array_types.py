# cause: leaks runtime-classes|class-registry|unbounded-cache .*
"""(ctypes.c_char * n) for ever new n: ctypes keeps each such type."""
import ctypes

import leaking
import storefront


def leak(i):
    storefront.serve(i)
    (ctypes.c_char * (i + 1))


leaking.run(leak, 3000)
