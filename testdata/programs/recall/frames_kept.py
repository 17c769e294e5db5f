# cause: leaks unbounded-cache|exception-traceback|frames-kept __main__\.calls
"""inspect.currentframe() in a list: each frame has its local variables."""
import inspect

import leaking
import storefront

calls = []


def handle(number):
    rows = ["row %d.%d" % (number, i) for i in range(30)]
    calls.append(inspect.currentframe())
    return len(rows)


def leak(i):
    storefront.serve(i)
    handle(i)


leaking.run(leak, 2000)
