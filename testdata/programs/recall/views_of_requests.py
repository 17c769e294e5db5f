# cause: leaks unbounded-cache __main__\.heads
"""memoryviews of ten bytes: each keeps the whole request."""
import leaking
import storefront

heads = []


def leak(i):
    storefront.serve(i)
    request = b"GET /%d" % i + b"x" * 20000
    heads.append(memoryview(request)[:10])


leaking.run(leak, 500)
