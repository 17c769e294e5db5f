# cause: leaks unbounded-cache|large-object __main__\.snapshots
"""tracemalloc snapshots that are taken for a comparison and kept."""
import tracemalloc

import leaking
import storefront

tracemalloc.start(5)
snapshots = []
rows = ["row %d" % i for i in range(3000)]


def leak(i):
    storefront.serve(i)
    snapshots.append(tracemalloc.take_snapshot())


leaking.run(leak, 20)
