# cause: leaks lru-cache-on-method __main__\.Picture\.thumbnail
"""lru_cache with its default of 128 entries, on a method of objects of 100 kB each."""
import functools

import leaking
import storefront


class Picture:
    def __init__(self, number):
        self.pixels = bytearray(100000)

    @functools.lru_cache()
    def thumbnail(self):
        return len(self.pixels)


def leak(i):
    storefront.serve(i)
    Picture(i).thumbnail()


leaking.run(leak, 300)
