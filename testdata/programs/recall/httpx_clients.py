# cause: leaks unbounded-cache __main__\.clients
# needs: httpx
"""An httpx.Client for each request, each with an SSL context."""
import httpx
import leaking
import storefront

clients = []


def leak(i):
    storefront.serve(i)
    clients.append(httpx.Client())


leaking.run(leak, 20)
