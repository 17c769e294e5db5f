# cause: leaks (unbounded-lru-cache|lru-cache-on-method) __main__\.Cart\.total
"""functools.lru_cache on a method: the cache keeps every instance."""
import functools

import leaking
import storefront


class Cart:
    def __init__(self, number):
        self.lines = ["line %d of cart %d" % (i, number) for i in range(20)]

    @functools.lru_cache(maxsize=None)
    def total(self, currency):
        return len(self.lines)


def leak(i):
    storefront.serve(i)
    Cart(i).total("EUR")


leaking.run(leak, 3000)
