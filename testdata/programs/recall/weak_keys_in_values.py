# cause: leaks weak-key-cycle __main__\.plans
"""A WeakKeyDictionary whose values refer to their keys."""
import weakref

import leaking
import storefront


class Query:
    pass


class Plan:
    def __init__(self, query):
        self.query = query
        self.steps = ["step %d of %d" % (i, id(query)) for i in range(10)]


plans = weakref.WeakKeyDictionary()


def leak(i):
    storefront.serve(i)
    query = Query()
    plans[query] = Plan(query)


leaking.run(leak, 3000)
