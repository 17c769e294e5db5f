# cause: leaks weakref-callbacks __main__\.watched
"""Weak references with a callback each, to an object that lives on."""
import weakref

import leaking
import storefront


class Config:
    pass


config, watched = Config(), []


def leak(i):
    storefront.serve(i)
    state = ["state %d.%d" % (i, each) for each in range(15)]
    watched.append(weakref.ref(config, lambda ref, state=state: None))


leaking.run(leak, 3000)
