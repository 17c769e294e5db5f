# cause: leaks uncollected-garbage .*
# quick
"""gc.freeze() now and then, as before each fork: cycles that it has frozen are never collected."""
import gc

import leaking
import storefront

gc.disable()


class Session:
    def __init__(self, number):
        self.data = {"number": number, "items": ["item %d.%d" % (number, i) for i in range(15)]}
        self.me = self


def leak(i):
    storefront.serve(i)
    Session(i)
    if i % 100 == 99:
        gc.freeze()


gc.enable()
gc.set_threshold(100000)
leaking.run(leak, 3000)
