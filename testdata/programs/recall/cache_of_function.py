# cause: leaks unbounded-lru-cache __main__\.parse
"""functools.cache on a function whose argument is the whole request."""
import functools

import leaking
import storefront


@functools.lru_cache(None)
def parse(text):
    return tuple(text.split("&"))


def leak(i):
    storefront.serve(i)
    parse("&".join("field%d=%d" % (each, i) for each in range(15)))


leaking.run(leak, 3000)
