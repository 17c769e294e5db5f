# cause: leaks handlers-not-removed|unbounded-cache __main__\.resources\._exit_callbacks
"""One ExitStack for the whole run, entered again for each request."""
import contextlib

import leaking
import storefront

resources = contextlib.ExitStack()


class Lease:
    def __init__(self, number):
        self.data = ["lease %d.%d" % (number, i) for i in range(10)]

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        pass


def leak(i):
    storefront.serve(i)
    resources.enter_context(Lease(i))


leaking.run(leak, 4000)
