# cause: leaks logging-handlers __main__\.log\.handlers
"""addHandler() for each request."""
import io
import logging

import leaking
import storefront

log = logging.getLogger("shop")


def leak(i):
    storefront.serve(i)
    log.addHandler(logging.StreamHandler(io.StringIO("request %d " % i * 40)))


leaking.run(leak, 1500)
