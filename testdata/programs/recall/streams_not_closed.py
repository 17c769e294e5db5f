# cause: leaks unclosed-socket|unbounded-cache .*
"""Connections of asyncio streams that are kept and never closed."""
import asyncio
import socket

import leaking
import storefront

loop = asyncio.new_event_loop()
clients = []


async def connect(i):
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    theirs.sendall(b"x" * 20000)
    await asyncio.sleep(0)
    clients.append((reader, writer, theirs))


def leak(i):
    storefront.serve(i)
    loop.run_until_complete(connect(i))


leaking.run(leak, 150)
