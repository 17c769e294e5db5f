# cause: leaks handlers-not-removed|closure-capture __main__\.shutdown.*
"""Each request adds a done callback to the one future that ends with the program."""
import asyncio

import leaking
import storefront

loop = asyncio.new_event_loop()
shutdown = loop.create_future()


class Request:
    def __init__(self, number):
        self.headers = {"header %d" % i: "value %d.%d" % (number, i) for i in range(15)}

    def cancel(self, future):
        return self.headers


def leak(i):
    storefront.serve(i)
    shutdown.add_done_callback(Request(i).cancel)


leaking.run(leak, 2500)
