# cause: leaks unbounded-cache __main__\.records\.queue
"""logging.handlers.QueueHandler, and the listener was never started."""
import logging
import logging.handlers
import queue

import leaking
import storefront

records = queue.Queue()
log = logging.getLogger("orders")
log.propagate = False
log.addHandler(logging.handlers.QueueHandler(records))


def leak(i):
    storefront.serve(i)
    log.warning("order %d by %s", i, {"customer": i})


leaking.run(leak, 4000)
