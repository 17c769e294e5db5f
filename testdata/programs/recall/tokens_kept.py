# cause: leaks contextvar|unbounded-cache __main__\.(tokens|request)
"""ContextVar.set() in a loop: each token has the value before."""
import contextvars

import leaking
import storefront

request = contextvars.ContextVar("request")
tokens = []


def leak(i):
    storefront.serve(i)
    tokens.append(request.set({"number": i, "body": "body %d" % i * 60}))


leaking.run(leak, 3000)
