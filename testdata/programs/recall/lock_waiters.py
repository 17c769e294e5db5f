# cause: leaks pending-task .*
# python: 3.8
"""Tasks that wait for an asyncio.Lock whose owner never releases it."""
import asyncio

import leaking
import storefront

loop = asyncio.new_event_loop()


async def make():
    lock = asyncio.Lock()
    await lock.acquire()
    return lock


lock = loop.run_until_complete(make())


async def pay(order):
    async with lock:
        return order


async def request(i):
    storefront.serve(i)
    asyncio.ensure_future(pay({"order": i, "lines": ["line %d.%d" % (i, each) for each in range(20)]}))
    await asyncio.sleep(0)


leaking.run(lambda i: loop.run_until_complete(request(i)), 1500)
