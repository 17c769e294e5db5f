# cause: leaks handlers-not-removed atexit
"""atexit.register() once for each temporary report."""
import atexit
import functools

import leaking
import storefront


def remove(report):
    pass


def leak(i):
    storefront.serve(i)
    atexit.register(functools.partial(remove, "report %d " % i * 50))


leaking.run(leak, 4000)
