# cause: leaks runtime-classes __main__\.(rows|row_type|Row.*)
"""collections.namedtuple() for each query, and its rows are kept."""
import collections

import leaking
import storefront

rows = []


def leak(i):
    storefront.serve(i)
    row = collections.namedtuple("Row", ["number", "title", "price"])
    rows.append(row(i, "product", i * 2))


leaking.run(leak, 800)
