"""A web server on a free port of the loopback, which READY tells. usage: http_server.py threads|asyncio

Every request makes and drops some objects and gets 1,000 bytes.
"""
import os
import sys

BODY = b"x" * 1000
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
cache = {}


def work(number):
    cache[number % 5000] = {"number": number, "parts": [str(number)] * 3}
    return HEAD + BODY


def threads():
    import socketserver

    class Handler(socketserver.StreamRequestHandler):
        disable_nagle_algorithm = True

        def handle(self):
            number = 0
            try:
                while self.rfile.readline():
                    while self.rfile.readline() not in (b"\r\n", b""):
                        pass
                    number += 1
                    self.wfile.write(work(number))
            except ConnectionError:
                pass  # the load has ended

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 100

    with Server(("127.0.0.1", 0), Handler) as server:
        os.write(1, b"READY %d\n" % server.server_address[1])
        server.serve_forever()


def with_asyncio():
    import asyncio

    async def handle(reader, writer):
        number = 0
        try:
            while await reader.readline():
                while await reader.readline() not in (b"\r\n", b""):
                    pass
                number += 1
                writer.write(work(number))
                await writer.drain()
        except ConnectionError:
            pass  # the load has ended
        writer.close()

    async def serve():
        server = await asyncio.start_server(handle, "127.0.0.1", 0, backlog=100)
        os.write(1, b"READY %d\n" % server.sockets[0].getsockname()[1])
        await asyncio.Event().wait()

    asyncio.run(serve()) if hasattr(asyncio, "run") else asyncio.get_event_loop().run_until_complete(serve())


threads() if sys.argv[1] == "threads" else with_asyncio()
