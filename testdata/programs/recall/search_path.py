# cause: leaks unbounded-cache sys\.path
"""sys.path.append() for each import of a customer's plugin."""
import sys

import leaking
import storefront


def leak(i):
    storefront.serve(i)
    sys.path.append("/srv/shop/plugins/customer-%d/release-%d" % (i % 700, i))


leaking.run(leak, 6000)
