"""Pairs of connected sockets that are never closed; a thread for each waits for what the one may get."""
import socket
import threading

pairs = []


def read(end):
    end.recv(10)


def leak(i):
    if i < 60:
        pairs.append(socket.socketpair())
        threading.Thread(target=read, args=(pairs[-1][0],), daemon=True).start()


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
