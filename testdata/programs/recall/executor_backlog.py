# cause: leaks (unbounded-cache|large-object) __main__\.pool\._work_queue(\.lst)?
# quick
"""A pool of one thread that hangs, and all that waits for it."""
import concurrent.futures
import threading

import leaking
import storefront

pool = concurrent.futures.ThreadPoolExecutor(1)
never = threading.Event()
pool.submit(never.wait)


def render(order):
    return len(order)


def leak(i):
    storefront.serve(i)
    pool.submit(render, ["line %d.%d" % (i, each) for each in range(20)])


leaking.run(leak, 3000)
