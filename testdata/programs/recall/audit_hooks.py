# cause: leaks (closure-capture|handlers-not-removed) interpreter 0, audit_hooks
# python: 3.8
"""sys.addaudithook() for each request: what is added can never be removed."""
import sys

import leaking
import storefront


def hook_for(number):
    context = ["context %d of %d" % (i, number) for i in range(20)]

    def hook(event, arguments):
        return context
    return hook


def leak(i):
    storefront.serve(i)
    sys.addaudithook(hook_for(i))


leaking.run(leak, 300)
