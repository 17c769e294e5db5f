# cause: memory tracemalloc
# quick

"""tracemalloc with 50 frames is on: what it notes is native memory of its own."""
import tracemalloc

import leaking
import storefront

tracemalloc.start(50)
kept = []


def leak(i):
    storefront.serve(i)
    kept.append([object() for _ in range(20)])


leaking.run(leak, 9000)
