# cause: leaks unbounded-cache __main__\.memo
"""copy.deepcopy() of each order with one memo for all, which keeps every object that was ever copied."""
import copy

import leaking
import storefront

memo = {}


def leak(i):
    storefront.serve(i)
    copy.deepcopy({"order": i, "lines": [[i, 1], [i + 1, 2]]}, memo)


leaking.run(leak, 2000)
