# cause: leaks unbounded-cache __main__\.Broker\.replies
"""Futures by the id of a message whose answer never comes."""
import asyncio

import leaking
import storefront

loop = asyncio.new_event_loop()


class Broker:
    replies = {}


def leak(i):
    storefront.serve(i)
    Broker.replies["message-%d" % i] = (loop.create_future(), {"sent": i, "body": "body %d" % i * 30})


leaking.run(leak, 4000)
