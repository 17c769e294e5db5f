# cause: leaks unbounded-cache __main__\.(log\.handlers\[0\]|.*)\.buffer
"""logging.handlers.MemoryHandler with a capacity that is never met and no target."""
import logging
import logging.handlers

import leaking
import storefront

log = logging.getLogger("audit")
log.propagate = False
log.addHandler(logging.handlers.MemoryHandler(10 ** 9, flushLevel=logging.CRITICAL + 1))


def leak(i):
    storefront.serve(i)
    log.warning("order %d by %s", i, {"customer": i})


leaking.run(leak, 4000)
