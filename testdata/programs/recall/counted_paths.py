# cause: leaks unbounded-cache __main__\.Statistics\.paths
"""A Counter by path, and paths have ids in them."""
import collections

import leaking
import storefront


class Statistics:
    paths = collections.Counter()


def leak(i):
    storefront.serve(i)
    Statistics.paths["/product/%d/reviews?session=%d" % (i, i * 31)] += 1


leaking.run(leak, 20000)
