"""A gevent service on loopback: the hub waits for events, the main greenlet for the server, workers for a queue, an
event, a lock, a socket or time, and a thread of the hub's pool reads. That thread tells what greenlet and
sys._current_frames() say of them all: READY and that as JSON on one line."""
import gc
import json
import os
import sys
import threading
import time

import gevent
import gevent.event
import gevent.lock
import gevent.pool
import gevent.queue
import gevent.server
import gevent.socket
import greenlet

jobs, ready, lock = gevent.queue.Queue(), gevent.event.Event(), gevent.lock.RLock()


def worker(number):
    for job in jobs:
        if job is None:
            return number


def waits(depth):
    if depth:
        return waits(depth - 1)
    ready.wait()


def holds():
    with lock:
        gevent.sleep(5000)


def wants():
    with lock:
        raise SystemExit


def serve(connection, address):
    while connection.recv(100):
        connection.sendall(b"served")


def ask(port):
    with gevent.socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"please")
        while connection.recv(100):
            pass


def frames_of(frame):
    frames = []
    while frame:
        code = frame.f_code
        frames.append({"file": code.co_filename, "line": frame.f_lineno,
                       "function": getattr(code, "co_qualname", code.co_name)})
        frame = frame.f_back
    return frames


def tell(main_thread):
    """In a thread of the pool, once all stand still."""
    before = now = None
    while not now or now != before:
        time.sleep(0.2)
        before = now
        now = {"greenlets": [{"id": id(each), "frames": frames_of(each.gr_frame)} for each in gc.get_objects()
                             if isinstance(each, greenlet.greenlet) and each and each.gr_frame],
               "threads": [{"thread_id": main_thread, "frames": frames_of(sys._current_frames()[main_thread])}]}
        now["greenlets"].sort(key=lambda each: each["id"])
    os.write(1, b"READY " + json.dumps(now).encode() + b"\n")
    os.read(0, 1)


server = gevent.server.StreamServer(("127.0.0.1", 0), serve)
server.start()
group = gevent.pool.Group()
for i in range(20):
    group.spawn(worker, i)
    group.spawn(waits, i % 5)
group.spawn(holds)
group.spawn(wants)
for i in range(5):
    group.spawn(ask, server.server_port)
gevent.get_hub().threadpool.spawn(tell, threading.get_ident()).get()
