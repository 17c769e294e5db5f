# cause: leaks unbounded-cache __main__\.segments
# python: 3.8
"""multiprocessing.shared_memory segments that are neither closed nor unlinked."""
import atexit
import multiprocessing.shared_memory

import leaking
import storefront

segments = []


def leak(i):
    storefront.serve(i)
    segment = multiprocessing.shared_memory.SharedMemory(create=True, size=200000)
    segment.buf[:] = b"x" * segment.size
    segment.unlink()
    segments.append(segment)


leaking.run(leak, 60)
