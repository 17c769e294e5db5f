# cause: leaks unbounded-cache __main__\.jobs\._buffer
"""A multiprocessing.Queue that nobody reads: once the pipe is full it fills a deque."""
import multiprocessing

import leaking
import storefront

jobs = multiprocessing.Queue()


def leak(i):
    storefront.serve(i)
    jobs.put({"job": i, "body": "body %d" % i * 100})


leaking.run(leak, 5000)
