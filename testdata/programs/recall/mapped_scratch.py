# cause: leaks unbounded-cache|unclosed-mapping __main__\.scratch
"""Anonymous mmap.mmap for scratch, kept."""
import mmap

import leaking
import storefront

scratch = []


def leak(i):
    storefront.serve(i)
    area = mmap.mmap(-1, 65536)
    area[:] = b"x" * 65536
    scratch.append(area)


leaking.run(leak, 300)
