# cause: leaks [a-z-]+ .*_events.*
# needs: pyee
"""A handler a session that nobody removes from an event emitter."""
import leaking
import storefront
from pyee.base import EventEmitter

bus = EventEmitter()


class Session:
    def __init__(self, number):
        self.number = number
        self.seen = []

    def on_price(self, price):
        self.seen.append(price)


def leak(i):
    storefront.serve(i)
    bus.on("price", Session(i).on_price)


leaking.run(leak, 5000)
