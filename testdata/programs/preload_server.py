"""A web server whose master makes the heap and forks the workers, as `gunicorn --preload` and uWSGI do.

usage: preload_server.py WORKERS MEGABYTES [gunicorn]

With `gunicorn` its arbiter and sync workers serve; without, plain workers that accept from one socket. Prints READY, the
port of the loopback and the workers' process ids. Every request reads some of the shared objects, so that reference counts
make pages private, and keeps some of its own. Ends, and the workers with it, when its input ends.
"""
import gc
import os
import signal
import socket
import sys
import threading
import time

workers, megabytes = int(sys.argv[1]), int(sys.argv[2])
PAGES = [{"number": i, "title": "page %d" % i, "tags": [str(i), {"number": i}]} for i in range(megabytes * 1500)]
HOT = PAGES[::len(PAGES) // 100]
CACHE = {}


def work(number):
    CACHE[number % 5000] = {"number": number, "parts": [str(number)] * 3}
    return HOT[number % len(HOT)]["title"].encode().ljust(1000)


def plain(listener):
    def answer(connection):
        number, lines = 0, connection.makefile("rb")
        try:
            while lines.readline():
                while lines.readline() not in (b"\r\n", b""):
                    pass
                number += 1
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + work(number))
        except OSError:
            pass  # the load has ended
        connection.close()

    while True:
        connection = listener.accept()[0]
        thread = threading.Thread(target=answer, args=(connection,))
        thread.daemon = True
        thread.start()


def fork_plain(listener):
    pids = []
    for _ in range(workers):
        pid = os.fork()
        if pid == 0:
            try:
                plain(listener)
            finally:
                os._exit(1)
        pids.append(pid)
    return pids


def fork_gunicorn(listener):
    from gunicorn.app.base import BaseApplication

    count = [0]

    def application(environ, start_response):
        count[0] += 1
        start_response("200 OK", [("Content-Length", "1000")])
        return [work(count[0])]

    class Application(BaseApplication):
        def load_config(self):
            for name, value in (("bind", "fd://%d" % listener.fileno()), ("workers", workers), ("preload_app", True),
                                ("worker_class", "gthread"), ("threads", 16), ("loglevel", "error"), ("timeout", 600)):
                self.cfg.set(name, value)

        def load(self):
            return application

    arbiter = os.fork()
    if arbiter == 0:
        listener.set_inheritable(True)
        gc.collect()
        gc.freeze()
        Application().run()
        os._exit(0)
    children = "/proc/%d/task/%d/children" % (arbiter, arbiter)
    while len(open(children).read().split()) < workers:
        time.sleep(0.05)
    return [arbiter] + [int(pid) for pid in open(children).read().split()]


listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(100)
gc.collect()
getattr(gc, "freeze", lambda: None)()
started = fork_gunicorn(listener) if sys.argv[3:] == ["gunicorn"] else fork_plain(listener)
time.sleep(0.3)
os.write(1, ("READY %d %s\n" % (listener.getsockname()[1], " ".join(map(str, started)))).encode())
sys.stdin.read()
for pid in started if sys.argv[3:] != ["gunicorn"] else started[:1]:
    os.kill(pid, signal.SIGTERM)
for pid in started if sys.argv[3:] != ["gunicorn"] else started[:1]:
    os.waitpid(pid, 0)
