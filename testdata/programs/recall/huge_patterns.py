# cause: leaks (unbounded-cache|large-object) re\._cache.*
"""re.search() with patterns of a thousand words made for each customer: the cache of re keeps 512."""
import re

import leaking
import storefront


def leak(i):
    storefront.serve(i)
    re.search("|".join("word%d_%d" % (i, each) for each in range(400)), "no such word")


leaking.run(leak, 400)
