# cause: leaks unbounded-cache __main__\.loggers
# needs: structlog
"""A logger that is bound for each request, kept by request."""
import leaking
import storefront
import structlog

loggers = {}


def leak(i):
    storefront.serve(i)
    loggers[i] = structlog.get_logger().bind(request="request %d" % i, user="user %d" % i)


leaking.run(leak, 4000)
