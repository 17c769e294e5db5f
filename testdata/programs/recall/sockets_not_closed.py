# cause: leaks unclosed-socket __main__\.Upstream\.connections
"""Connections by host in a dict of a class, never closed."""
import socket

import leaking
import storefront


class Upstream:
    connections = {}


def leak(i):
    storefront.serve(i)
    Upstream.connections["host %d" % i] = socket.socketpair()


leaking.run(leak, 150)
