# cause: leaks handlers-not-removed|closure-capture|unbounded-cache .*
# needs: tornado
"""PeriodicCallback for each connection, never stopped."""
import asyncio

import leaking
import storefront
import tornado.ioloop

loop = asyncio.new_event_loop()


class Connection:
    def __init__(self, number):
        self.messages = ["message %d.%d" % (number, i) for i in range(15)]
        tornado.ioloop.PeriodicCallback(self.ping, 3600 * 1000).start()

    def ping(self):
        return self.messages


async def request(i):
    storefront.serve(i)
    Connection(i)


leaking.run(lambda i: loop.run_until_complete(request(i)), 1500)
