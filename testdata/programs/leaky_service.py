#!/usr/bin/env python3
"""A small web service with two leaks, for trying heapglass on.

  GET /login/NAME   makes a Session, kept in `cache` for ever, that listens to `events` and never stops listening
  GET /stats        tells how many there are

It serves on a free port of 127.0.0.1, prints "READY http://127.0.0.1:PORT PID", and stops when its standard input
ends, after --seconds N (600), or on Ctrl-C.
"""
import http.server
import os
import signal
import socketserver
import sys
import threading


class Item:
    def __init__(self, name, price):
        self.name, self.price = name, price


class Session:
    def __init__(self, user):
        self.user = user
        self.history = []
        self.basket = [Item("item %d of %s" % (i, user), i + 0.99) for i in range(8)]

    def on_event(self, event):
        self.history.append(event)


class Events:
    def __init__(self):
        self.handlers = []

    def subscribe(self, handler):
        self.handlers.append(handler)

    def publish(self, event):
        for handler in self.handlers:
            handler(event)


cache = {}  # the first leak: nothing ever leaves
events = Events()  # the second: nobody unsubscribes


def login(name):
    session = cache["user:" + name] = Session(name)
    events.subscribe(session.on_event)
    return session


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and body in one packet; in two, the second waits 40 ms for the first one's receipt

    def do_GET(self):
        if self.path.startswith("/login/"):
            answer = "welcome " + login(self.path[len("/login/"):]).user
        elif self.path == "/stats":
            answer = "%d sessions, %d handlers" % (len(cache), len(events.handlers))
        else:
            return self.send_error(404)
        body = answer.encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self):
        # Not HTTPServer's own, which asks the name service who we are: offline, that takes until it gives up.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address


def main():
    seconds = int(sys.argv[sys.argv.index("--seconds") + 1]) if "--seconds" in sys.argv else 600
    signal.alarm(seconds)  # its default action ends the process
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("READY http://127.0.0.1:%d %d" % (server.server_address[1], os.getpid()), flush=True)
    try:
        while os.read(0, 4096):
            pass
    except KeyboardInterrupt:
        pass
    os._exit(0)


if __name__ == "__main__":
    # Served from the module of its own name and not from __main__, as a real service is by its server: what it
    # leaks is then called leaky_service.Session.
    import leaky_service
    leaky_service.main()
