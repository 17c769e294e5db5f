# cause: leaks unbounded-cache|large-lru-cache|large-object __main__\.thumbnails(\..*)?
# quick
"""A cache with a bound, of ten million entries of 20 kB each."""
import collections

import leaking
import storefront


class Cache:
    def __init__(self, max_size):
        self.max_size, self.entries = max_size, collections.OrderedDict()

    def put(self, key, value):
        self.entries[key] = value
        if len(self.entries) > self.max_size:
            self.entries.popitem(last=False)


thumbnails = Cache(10000000)


def leak(i):
    storefront.serve(i)
    thumbnails.put(i, b"%d" % (i % 10) * 20000)


leaking.run(leak, 500)
