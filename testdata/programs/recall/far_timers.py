# cause: leaks handlers-not-removed __main__\.loop\._scheduled
"""call_later() of an hour for each request, never cancelled."""
import asyncio

import leaking
import storefront

loop = asyncio.new_event_loop()


class Session:
    def __init__(self, number):
        self.basket = ["item %d.%d" % (number, i) for i in range(20)]
        loop.call_later(3600, self.expire)

    def expire(self):
        self.basket = None


def leak(i):
    storefront.serve(i)
    Session(i)


leaking.run(leak, 3000)
