# cause: leaks interned-strings interned strings
# python: 3.12 only
# quick
"""sys.intern() of names with an id in them: from 3.12 on such a string is never freed."""
import sys

import leaking
import storefront


def leak(i):
    storefront.serve(i)
    for each in range(20):
        sys.intern("attribute %d of customer %d" % (each, i))


leaking.run(leak, 3000)
