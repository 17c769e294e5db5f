"""Connections that are made and never closed."""
import socket

server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen(500)


class Client:
    connections = []


def leak(i):
    if i < 200:
        Client.connections.append(socket.create_connection(server.getsockname()))


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
