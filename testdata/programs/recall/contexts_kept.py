# cause: leaks (contextvar|unbounded-cache) __main__\.(request|later)
"""Contexts that are copied for each request and kept by what is to be done later."""
import contextvars

import leaking
import storefront

request = contextvars.ContextVar("request")
later = []


def leak(i):
    storefront.serve(i)
    context = contextvars.copy_context()
    context.run(request.set, {"number": i, "body": "body %d" % i * 60})
    later.append((context, storefront.index))


leaking.run(leak, 3000)
