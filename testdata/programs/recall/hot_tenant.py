# cause: leaks unbounded-cache __main__\.tenants\['tenant 137'\]\.sessions
# quick
"""Of 200 tenants one has nearly all sessions."""
import leaking
import storefront


class Tenant:
    def __init__(self, name):
        self.name = name
        self.sessions = {}


tenants = {"tenant %d" % i: Tenant("tenant %d" % i) for i in range(200)}


def leak(i):
    storefront.serve(i)
    name = "tenant 137" if i % 10 else "tenant %d" % (i % 200)
    tenants[name].sessions[i] = {"user": "user %d" % i, "basket": ["item %d.%d" % (i, each) for each in range(5)]}


leaking.run(leak, 4000)
