# cause: leaks [a-z-]+ .*__main__\.waiting.*
# needs: twisted
"""Deferreds of requests that are never answered."""
import leaking
import storefront
from twisted.internet.defer import Deferred

waiting = {}


def leak(i):
    storefront.serve(i)
    answer = Deferred()
    answer.addCallback(lambda result, i=i: (i, result))
    answer.addErrback(lambda failure: None)
    waiting[i] = answer


leaking.run(leak, 5000)
