# cause: leaks unbounded-cache|growing-object|large-object __main__\.(context|g)(\.__dict__)?
"""setattr() with a name that has an id in it, on one object."""
import leaking
import storefront


class Context:
    pass


context = Context()


def leak(i):
    storefront.serve(i)
    setattr(context, "user_%d" % i, {"number": i, "rights": ["read", "write"], "name": "user %d" % i * 8})


leaking.run(leak, 5000)
