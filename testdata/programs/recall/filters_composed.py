# cause: leaks large-object __main__\.Filters\.apply
"""A filter of each promotion is composed with those before, and never taken out."""
import functools

import leaking
import storefront


def both(first, second, price):
    return second(first(price))


class Filters:
    apply = functools.partial(abs)


def leak(i):
    storefront.serve(i)
    promotion = {"number": i, "articles": ["article %d.%d" % (i, each) for each in range(8)]}
    Filters.apply = functools.partial(both, Filters.apply, promotion.get)


leaking.run(leak, 1500)
