# cause: leaks [a-z-]+ .*__main__\.results.*
"""Results of a pool of threads that are collected and never read."""
import leaking
import storefront
from multiprocessing.pool import ThreadPool

pool = ThreadPool(2)
results = []


def leak(i):
    storefront.serve(i)
    results.append(pool.apply_async(str, (i,)))


leaking.run(leak, 4000)
