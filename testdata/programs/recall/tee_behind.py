# cause: leaks large-object|lagging-iterator __main__\.(audit|feed).*
"""itertools.tee() of which one side is never read."""
import itertools

import leaking
import storefront


def orders():
    number = 0
    while True:
        number += 1
        yield {"number": number, "text": "order %d" % number * 10}


feed, audit = itertools.tee(orders())


def leak(i):
    storefront.serve(i)
    next(feed)


leaking.run(leak, 6000)
