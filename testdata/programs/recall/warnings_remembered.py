# cause: leaks unbounded-cache __main__\.__warningregistry__
"""warnings.warn() with an id in its text: each text is remembered."""
import warnings

import leaking
import storefront

warnings.simplefilter("default")
warnings.showwarning = lambda *arguments, **named: None


def leak(i):
    storefront.serve(i)
    warnings.warn("the price of product %d is old, it was asked for by customer %d" % (i, i * 7))


leaking.run(leak, 10000)
