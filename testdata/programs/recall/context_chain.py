# cause: leaks large-object|unbounded-cache __main__\.Scope\.current.*
"""Scopes that are pushed and never popped: each refers to the one before."""
import leaking
import storefront


class Scope:
    current = None

    def __init__(self, tags):
        self.before, self.tags = Scope.current, tags
        Scope.current = self


def leak(i):
    storefront.serve(i)
    Scope({"request": i, "user": "user %d" % i * 20})


leaking.run(leak, 5000)
