# cause: leaks [a-z-]+ .*nursery.*
# needs: trio
"""Tasks that a nursery keeps, each waiting for an event that nobody sets."""
import leaking
import storefront
import threading
import trio

ready = threading.Event()
portal = None


async def wait_for(i, event):
    order = {"order": i}
    await event.wait()
    return order


async def main():
    global portal, nursery
    async with trio.open_nursery() as nursery:
        portal = trio.lowlevel.current_trio_token()
        ready.set()
        await trio.sleep_forever()


threading.Thread(target=trio.run, args=(main,), daemon=True).start()
ready.wait()


def leak(i):
    storefront.serve(i)
    trio.from_thread.run_sync(nursery.start_soon, wait_for, i, trio.Event(), trio_token=portal)


leaking.run(leak, 2000)
