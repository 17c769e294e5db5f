# cause: leaks global-growth __main__\.Settings
# quick
"""setattr() on a class with ever new names."""
import leaking
import storefront


class Settings:
    pass


def leak(i):
    storefront.serve(i)
    setattr(Settings, "option_%d" % i, {"number": i, "rights": ["read", "write"], "name": "user %d" % i * 8})


leaking.run(leak, 5000)
