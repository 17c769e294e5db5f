# cause: leaks global-growth __main__
# quick
"""globals()[...] with a name that has an id in it."""
import leaking
import storefront


def leak(i):
    storefront.serve(i)
    globals()["user_%d" % i] = {"number": i, "rights": ["read", "write"], "name": "user %d" % i * 8}


leaking.run(leak, 5000)
