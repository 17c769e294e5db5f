# cause: leaks unbounded-cache|large-object __main__\.pages(\..*)?
# needs: cachetools
"""A cachetools.LRUCache of a million entries of 10 kB each."""
import cachetools
import leaking
import storefront

pages = cachetools.LRUCache(1000000)


def leak(i):
    storefront.serve(i)
    pages[i] = "%d " % i * 2500


leaking.run(leak, 600)
