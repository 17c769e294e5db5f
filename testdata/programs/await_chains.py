"""Tasks of asyncio that wait through coroutines, and what the interpreter says of their chains: READY and that as JSON."""
import asyncio
import gc
import json
import sys
import threading
import types

kept = {}


@types.coroutine
def by_generator(future):
    yield from future


async def forever():
    await asyncio.get_event_loop().create_future()


async def chain(n):
    if n:
        return await (
            chain(n - 1))
    await by_generator(asyncio.get_event_loop().create_future())


async def sleeping():
    await asyncio.sleep(5000)


async def ticking():
    yield 1
    await forever()
    yield 2


async def iterating():
    async for each in ticking():
        kept["seen"] = each


async def with_async_with():
    async with asyncio.Lock() as lock:
        await forever()
    return lock


async def awaiting(task):
    await task


async def gathering(*tasks):
    await asyncio.gather(*tasks)


async def shielding(task):
    await asyncio.shield(task)


async def ended():
    return 1


class Awaitable:
    def __await__(self):
        return (yield from asyncio.get_event_loop().create_future())


async def awaiting_own():
    await Awaitable()


def chain_of(awaited):
    told = []
    while awaited is not None:
        for prefix, then in ("cr", "cr_await"), ("gi", "gi_yieldfrom"), ("ag", "ag_await"):
            frame = getattr(awaited, prefix + "_frame", None)
            if frame is not None:
                code = frame.f_code
                told.append({"file": code.co_filename, "line": frame.f_lineno, "function": getattr(code, "co_qualname", code.co_name)})
                awaited = getattr(awaited, then)
                break
        else:
            inside = [each for each in gc.get_referents(awaited) if isinstance(each, (types.AsyncGeneratorType, types.CoroutineType))]
            awaited = inside[0] if type(awaited).__name__ in ("async_generator_asend", "coroutine_wrapper") else None
    return told[::-1]


async def main():
    start = asyncio.ensure_future
    first = start(forever())
    tasks = [first, start(chain(40)), start(sleeping()), start(iterating()), start(with_async_with()), start(awaiting(first)),
             start(gathering(first, start(forever()))), start(shielding(first)), start(awaiting_own()), start(ended())]
    for _ in range(5):
        await asyncio.sleep(0)
    kept["tasks"] = [each for each in getattr(asyncio, "all_tasks")() if not each.done() and each is not asyncio.current_task()]
    kept["own"] = asyncio.current_task()

    def tell():
        told = []
        for each in kept["tasks"] + [kept["own"]]:
            waits = each._fut_waiter
            told.append({"id": id(each), "name": each.get_name() if hasattr(each, "get_name") else None, "frames": chain_of(each._coro),
                         "waits_for": id(waits), "of": "%s.%s" % (type(waits).__module__, type(waits).__name__)})
        print("READY", json.dumps(told), flush=True)
        sys.stdin.read(1)
    teller = threading.Timer(0.3, tell)  # by then the loop stands in its poll
    teller.daemon = True
    teller.start()
    await asyncio.get_event_loop().create_future()
    return tasks


asyncio.run(main())
