# cause: leaks [a-z-]+ .*(rooms|__main__).*
# needs: python-socketio
"""Clients that enter a room and are never removed from it."""
import leaking
import socketio
import storefront

server = socketio.Server(async_mode="threading")


def leak(i):
    storefront.serve(i)
    server.manager.basic_enter_room("client %d" % i, "/", "prices", "eio %d" % i)


leaking.run(leak, 5000)
