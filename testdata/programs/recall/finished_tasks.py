# cause: leaks unbounded-cache|finished-task __main__\.jobs
"""asyncio tasks that are done and kept, with what they returned."""
import asyncio

import leaking
import storefront

jobs = []
loop = asyncio.new_event_loop()


async def report(i):
    return ["report %d, line %d" % (i, each) for each in range(30)]


async def request(i):
    storefront.serve(i)
    jobs.append(asyncio.ensure_future(report(i)))
    await asyncio.sleep(0)


leaking.run(lambda i: loop.run_until_complete(request(i)), 1500)
