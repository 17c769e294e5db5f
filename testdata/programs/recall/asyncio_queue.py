# cause: leaks unbounded-cache __main__\.mails\._queue
"""An asyncio.Queue whose consumer has died."""
import asyncio

import leaking
import storefront

loop = asyncio.new_event_loop()


async def make():
    return asyncio.Queue()


mails = loop.run_until_complete(make())


async def request(i):
    storefront.serve(i)
    await mails.put({"to": "customer %d" % i, "text": "dear customer %d" % i * 20})


leaking.run(lambda i: loop.run_until_complete(request(i)), 3000)
