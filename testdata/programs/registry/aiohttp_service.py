"""aiohttp: a server and a client on the loopback, requests done, a websocket open, some requests in the middle."""
import asyncio

import truth

import aiohttp
from aiohttp import web

keep = {}


async def hello(request):
    return web.json_response({"path": request.path, "query": dict(request.query), "agent": request.headers.get("User-Agent")})


async def echo(request):
    data = await request.post()
    return web.Response(text="\n".join("%s=%s" % each for each in data.items()), headers={"X-Many": "1"})


async def never(request):
    keep["never"] = request
    keep.setdefault("waiting", asyncio.Event()).set()
    await asyncio.get_event_loop().create_future()


async def stream(request):
    response = web.StreamResponse()
    await response.prepare(request)
    for i in range(1000):
        await response.write(b"line %d\n" % i)
        if i == 5:
            keep["streaming"] = response
            await asyncio.get_event_loop().create_future()
    return response


async def socket(request):
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    keep["server's socket"] = ws
    async for message in ws:
        await ws.send_str(message.data * 2)
    return ws


@web.middleware
async def counted(request, handler):
    keep["count"] = keep.get("count", 0) + 1
    return await handler(request)


async def main():
    app = web.Application(middlewares=[counted])
    app["state"] = {"since": [1]}
    app.add_routes([web.get("/hello/{name}", hello), web.post("/echo", echo), web.get("/never", never), web.get("/stream", stream), web.get("/ws", socket)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    base = "http://127.0.0.1:%d" % runner.addresses[0][1]
    session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
    keep["session"] = session, runner
    for i in range(30):
        async with session.get(base + "/hello/you", params={"i": str(i)}) as response:
            assert (await response.json())["query"] == {"i": str(i)}
            keep["last"] = response
        async with session.post(base + "/echo", data={"a": "1", "b": "two"}) as response:
            assert response.status == 200, await response.text()
    async with session.get(base + "/missing") as response:
        assert response.status == 404
    ws = await session.ws_connect(base + "/ws")
    await ws.send_str("hi")
    assert (await ws.receive()).data == "hihi"
    keep["client's socket"] = ws
    keep["open"] = asyncio.ensure_future(session.get(base + "/never")), await session.get(base + "/stream")
    await keep["open"][1].content.readline()
    while "never" not in keep:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    truth.hold()


asyncio.run(main())
