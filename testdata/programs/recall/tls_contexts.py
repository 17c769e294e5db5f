# cause: leaks unbounded-cache __main__\.contexts
"""An ssl.SSLContext for each request, kept by host and port."""
import ssl

import leaking
import storefront

contexts = {}


def leak(i):
    storefront.serve(i)
    contexts["shop.example", i] = ssl.create_default_context()


leaking.run(leak, 40)
