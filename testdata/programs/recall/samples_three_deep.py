# cause: leaks unbounded-cache __main__\.server\.metrics\.latency\.samples
"""A deque without maxlen, three objects down from the server."""
import collections

import leaking
import storefront


class Latency:
    __slots__ = ("samples",)

    def __init__(self):
        self.samples = collections.deque()


class Metrics:
    def __init__(self):
        self.latency, self.errors = Latency(), 0


class Server:
    def __init__(self):
        self.metrics = Metrics()


server = Server()


def leak(i):
    storefront.serve(i)
    for each in range(10):
        server.metrics.latency.samples.append((i, each * 0.37, "route %d" % (i % 50)))


leaking.run(leak, 4000)
