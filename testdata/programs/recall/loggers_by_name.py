# cause: leaks logging-handlers logging\.(Logger|root)\.manager\.loggerDict
"""logging.getLogger() with a name that has an id in it: loggers are for ever."""
import logging

import leaking
import storefront


def leak(i):
    storefront.serve(i)
    logging.getLogger("shop.session.%d" % i).setLevel(logging.INFO)


leaking.run(leak, 8000)
