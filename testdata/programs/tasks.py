"""asyncio: tasks, futures, queues, locks, timers and transports in all their states, looked at from inside the loop."""
import asyncio
import contextvars
import sys

import truth

keep = {}
request = contextvars.ContextVar("request", default=["nobody's"])


async def forever(value):
    request.set([value])
    local = {"value": value}
    await asyncio.get_running_loop().create_future()
    return local


async def chain(n):
    return await (chain(n - 1) if n else forever("bottom"))


async def done(value):
    return [value]


async def failing():
    raise ValueError("in a task", [1])


async def shielding(inner):
    await asyncio.shield(inner)


async def taking(lock):
    async with lock:
        await forever("with the lock")


async def producing(queue):
    for i in range(100):
        await queue.put([i])


async def consuming(stream):
    async for line in stream:
        keep["line"] = line


async def serve(reader, writer):
    keep["connection"] = reader, writer, asyncio.current_task()
    await reader.readline()
    await forever("the server's side")


async def ticking():
    for i in range(1000):
        yield [i]
        await asyncio.sleep(0)


async def iterating():
    async for each in ticking():
        if each[0] == 3:
            await forever(each)


async def talking():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"hello\n")
    await writer.drain()
    keep["server"] = server, writer, asyncio.ensure_future(consuming(reader))


async def main():
    loop = asyncio.get_running_loop()
    start = asyncio.ensure_future
    lock, queue, event = asyncio.Lock(), asyncio.Queue(2), asyncio.Event()
    pending = [start(forever(i)) for i in range(20)]
    keep["tasks"] = pending + [start(chain(30)), start(done(1)), start(failing()), start(shielding(pending[0])), start(iterating()),
                               start(asyncio.wait_for(forever("limited"), 3000)), start(asyncio.sleep(3000)), start(event.wait())]
    keep["locked"] = [start(taking(lock)) for _ in range(4)], lock
    keep["queue"] = queue, start(producing(queue))
    keep["gathered"] = asyncio.gather(*pending[1:5])
    pending[2].add_done_callback(keep.get)
    keep["callbacks"] = [loop.call_later(3000 + i, keep.get, [i]) for i in range(10)]
    keep["futures"] = [loop.create_future() for _ in range(4)]
    keep["futures"][0].set_result([1])
    keep["futures"][1].set_exception(KeyError("set"))
    keep["futures"][1].exception()
    keep["futures"][2].cancel()
    keep["executor"] = loop.run_in_executor(None, len, [1])
    await talking()
    for _ in range(10):
        await asyncio.sleep(0.01)
    pending[7].cancel()
    await asyncio.sleep(0.01)
    keep["never started"] = [start(forever("not yet")), forever("not even a task")]
    keep["contexts"] = contextvars.copy_context(), request.set([1]), request
    loop.call_soon(keep.get, "soon")
    if sys.version_info >= (3, 11):
        async with asyncio.TaskGroup() as group:
            group.create_task(done([2]))
            truth.hold()
    truth.hold()


asyncio.run(main())
