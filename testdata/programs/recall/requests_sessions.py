# cause: leaks unbounded-cache __main__\.sessions
# needs: requests
"""A requests.Session for each customer, never closed."""
import leaking
import requests
import storefront

sessions = {}


def leak(i):
    storefront.serve(i)
    sessions["customer %d" % i] = requests.Session()


leaking.run(leak, 600)
