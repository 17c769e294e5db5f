# cause: leaks unbounded-cache __main__\.pump\.(coroutine|cr_frame|task_coro|_coro)\..*batch
"""A coroutine collects events in a local variable and never comes to where it sends them."""
import asyncio

import leaking
import storefront

loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)


async def collect(events):
    batch = []
    while True:
        event = await events.get()
        batch.append({"event": event, "text": "event number %d" % event})
        events.task_done()


async def start():
    events = asyncio.Queue()
    return events, asyncio.ensure_future(collect(events))


async def put(event):
    await events.put(event)
    await events.join()

events, pump = loop.run_until_complete(start())


def leak(i):
    storefront.serve(i)
    loop.run_until_complete(put(i))


leaking.run(leak, 3000)
