# needs: aiohttp
"""aiohttp as a server and as the client of itself."""
import asyncio
import os

import load

import aiohttp
from aiohttp import web


async def index(request):
    return web.Response(text="index")


async def product(request):
    await asyncio.sleep(0)
    return web.json_response({"number": int(request.match_info["number"]), "title": "product"})


async def main():
    application = web.Application()
    application.add_routes([web.get("/", index), web.get("/product/{number}", product)])
    runner = web.AppRunner(application)
    await runner.setup()
    port = load.free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    async with aiohttp.ClientSession() as client:
        for path in load.paths(300):
            async with client.get("http://127.0.0.1:%d%s" % (port, path)) as answer:
                await answer.read()
        loop = asyncio.get_running_loop()
        os.write(1, b"READY %d\n" % os.getpid())
        await loop.run_in_executor(None, os.read, 0, 4096)
    os._exit(0)


asyncio.run(main())
