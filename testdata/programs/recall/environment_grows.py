# cause: leaks unbounded-cache (posix|os)\.environ
"""What a request is about goes to a helper in a variable of the environment, under a name of its own."""
import os

import leaking
import storefront


def leak(i):
    storefront.serve(i)
    os.environ["SHOP_REQUEST_%d" % i] = "order %d, article %d, customer %d" % (i, i + 1, i + 2)


leaking.run(leak, 4000)
