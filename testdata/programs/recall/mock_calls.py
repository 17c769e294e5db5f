# cause: leaks (large-object|unbounded-cache) __main__\.payment(\..*)?
"""A Mock as a stand-in in a long run: it keeps the arguments of each call."""
import unittest.mock

import leaking
import storefront

payment = unittest.mock.Mock()


def leak(i):
    storefront.serve(i)
    payment.charge({"customer": i, "lines": ["line %d.%d" % (i, each) for each in range(10)]})


leaking.run(leak, 2000)
