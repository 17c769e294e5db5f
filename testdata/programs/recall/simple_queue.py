# cause: leaks (unbounded-cache|large-object) __main__\.events(\.lst)?
"""A queue.SimpleQueue, which is C's, without a consumer."""
import queue

import leaking
import storefront

events = queue.SimpleQueue()


def leak(i):
    storefront.serve(i)
    events.put({"user": "user %d" % i, "action": "buy", "details": "details %d" % i * 15})


leaking.run(leak, 5000)
