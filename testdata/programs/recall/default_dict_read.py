# cause: leaks unbounded-cache __main__\.baskets
"""A defaultdict that is only read: each question makes an entry."""
import collections

import leaking
import storefront

baskets = collections.defaultdict(lambda: {"items": [], "coupons": set()})


def leak(i):
    storefront.serve(i)
    len(baskets["session %d" % i]["items"])


leaking.run(leak, 6000)
