# cause: leaks cycle-with-del __main__\.Channel
"""Objects with a __del__ in cycles, while the collector is off."""
import gc

import leaking
import storefront

gc.disable()


class Channel:
    def __init__(self, number):
        self.messages = ["message %d.%d" % (number, i) for i in range(20)]
        self.peer = self

    def __del__(self):
        self.messages = None


def leak(i):
    storefront.serve(i)
    Channel(i)


leaking.run(leak, 2500)
