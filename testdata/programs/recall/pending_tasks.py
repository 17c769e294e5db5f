# cause: leaks pending-task __main__\.background
# python: 3.8
"""asyncio tasks in a set, which wait for an event that never comes."""
import asyncio

import leaking
import storefront

background = set()
loop = asyncio.new_event_loop()


async def main():
    global never
    never = asyncio.Event()


async def wait_for_payment(order):
    await never.wait()
    return order


async def request(i):
    storefront.serve(i)
    task = asyncio.ensure_future(wait_for_payment({"order": i, "lines": ["line %d.%d" % (i, each) for each in range(20)]}))
    background.add(task)
    task.add_done_callback(background.discard)
    await asyncio.sleep(0)


loop.run_until_complete(main())
leaking.run(lambda i: loop.run_until_complete(request(i)), 1500)
