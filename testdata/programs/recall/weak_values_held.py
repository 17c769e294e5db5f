# cause: leaks unbounded-cache __main__\.Audit\.trail
"""A WeakValueDictionary, and a list elsewhere that keeps its values."""
import weakref

import leaking
import storefront


class User:
    def __init__(self, number):
        self.rights = ["right %d.%d" % (number, i) for i in range(15)]


class Audit:
    trail = []


users = weakref.WeakValueDictionary()


def leak(i):
    storefront.serve(i)
    user = users[i] = User(i)
    Audit.trail.append((i, user))


leaking.run(leak, 3000)
