"""asyncio tasks that wait for what never happens."""
import asyncio

loop = asyncio.new_event_loop()
pending = []


async def listen(channel, buffer):
    await loop.create_future()
    return channel, buffer


def leak(i):
    pending.append(loop.create_task(listen("channel %d" % i, ["message %d" % i] * 100)))
    loop.run_until_complete(asyncio.sleep(0))


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
