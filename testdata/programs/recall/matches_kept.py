# cause: leaks unbounded-cache __main__\.found
"""Match objects of a regular expression: each keeps the whole text that it was found in."""
import re

import leaking
import storefront

found = []
number = re.compile(r"order (\d+)")


def leak(i):
    storefront.serve(i)
    text = "x" * 3000 + "order %d " % i + "y" * 3000
    found.append(number.search(text))


leaking.run(leak, 1500)
