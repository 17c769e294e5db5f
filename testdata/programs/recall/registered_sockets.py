# cause: leaks unclosed-socket|unbounded-cache __main__\.watched.*
"""A selector with which sockets are registered and never unregistered."""
import selectors
import socket

import leaking
import storefront

watched = selectors.DefaultSelector()


def leak(i):
    storefront.serve(i)
    ours, theirs = socket.socketpair()
    watched.register(ours, selectors.EVENT_READ, {"peer": theirs, "buffer": bytearray(4096)})


leaking.run(leak, 150)
