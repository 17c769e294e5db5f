# cause: leaks many-threads .*
"""threading.Timer of an hour for each request."""
import threading

import leaking
import storefront


class Cart:
    def __init__(self, number):
        self.lines = ["line %d" % i for i in range(number % 50)]
        timer = threading.Timer(3600, self.expire)
        timer.daemon = True
        timer.start()

    def expire(self):
        self.lines = None


def leak(i):
    storefront.serve(i)
    Cart(i)


leaking.run(leak, 120)
