"""Asks a web server over and over, until its input ends. usage: http_load.py PORT CONNECTIONS

Prints a line of JSON then: requests, failed (no answer within 10 s, or a wrong one), and the median, the 99th of a hundred
and the longest time of an answer in ms. A new connection every 50 requests.
"""
import json
import socket
import sys
import threading
import time

PORT, CONNECTIONS = int(sys.argv[1]), int(sys.argv[2])
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
took, failed, stop = [], [], threading.Event()


def ask(connection):
    connection.sendall(REQUEST)
    got = b""
    while not got.endswith(b"x" * 1000):
        more = connection.recv(65536)
        if not more:
            raise OSError("the connection was closed after %d bytes" % len(got))
        got += more
    if not got.startswith(b"HTTP/1.1 200 "):
        raise OSError("the answer begins with %r" % got[:20])


def ask_on():
    while not stop.is_set():
        try:
            with socket.create_connection(("127.0.0.1", PORT), timeout=10) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for _ in range(50):
                    began = time.perf_counter()
                    ask(connection)
                    took.append(1e3 * (time.perf_counter() - began))
                    if stop.wait(0.002):
                        break
        except OSError as error:
            failed.append(str(error))


threads = [threading.Thread(target=ask_on) for _ in range(CONNECTIONS)]
for each in threads:
    each.start()
sys.stdin.read()
stop.set()
for each in threads:
    each.join()
took.sort()
print(json.dumps({"requests": len(took), "failed": len(failed), "errors": failed[:3], "median": took[len(took) // 2],
                  "p99": took[len(took) * 99 // 100], "longest": took[-1]}))
