# cause: leaks handlers-not-removed __main__\.bus\.listeners(\['order'\])?
"""Each view subscribes a bound method with the bus and never unsubscribes."""
import collections

import leaking
import storefront


class Bus:
    def __init__(self):
        self.listeners = collections.defaultdict(list)

    def on(self, event, listener):
        self.listeners[event].append(listener)


bus = Bus()


class View:
    def __init__(self, number):
        self.rows = ["row %d of %d" % (i, number) for i in range(15)]
        bus.on("order", self.refresh)

    def refresh(self):
        return self.rows


def leak(i):
    storefront.serve(i)
    View(i)


leaking.run(leak, 3000)
