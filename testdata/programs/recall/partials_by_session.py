# cause: leaks handlers-not-removed|unbounded-cache|closure-capture __main__\.Session\.jobs
"""functools.partial of a function with the whole session, as jobs that run at the end."""
import functools

import leaking
import storefront


class Session:
    jobs = []

    def __init__(self, number):
        self.data = ["data %d.%d" % (number, i) for i in range(15)]
        self.jobs.append(functools.partial(clean, self))


def clean(session):
    session.data = None


def leak(i):
    storefront.serve(i)
    Session(i)


leaking.run(leak, 3000)
