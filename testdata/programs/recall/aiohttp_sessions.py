# cause: leaks unbounded-cache __main__\.sessions
# needs: aiohttp
"""A ClientSession for each request, never closed."""
import asyncio

import aiohttp
import leaking
import storefront

loop = asyncio.new_event_loop()
sessions = []


async def request(i):
    storefront.serve(i)
    sessions.append(aiohttp.ClientSession())


leaking.run(lambda i: loop.run_until_complete(request(i)), 800)
