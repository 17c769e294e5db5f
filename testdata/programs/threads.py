"""Threads that stand in locks, queues, select, reads and sleep, each with locals of its own."""
import multiprocessing.pool
import os
import queue
import select
import socket
import sys
import threading
import time

import truth

keep = {"threads": []}
standing = threading.Semaphore(0)


def thread(body, *args):
    def run():
        local = {"of": body.__name__, "args": args}
        standing.release()
        body(*args)
        return local
    started = threading.Thread(target=run, name=body.__name__, daemon=True)
    started.start()
    keep["threads"].append(started)


def in_lock(lock):
    with lock:
        pass


def in_condition(condition):
    with condition:
        condition.wait()


def in_select(descriptor):
    select.select([descriptor], [], [])


def in_poll(descriptor):
    poll = select.poll()
    poll.register(descriptor)
    poll.poll()


def in_recv(end):
    end.recv(10)


def in_read(descriptor):
    os.read(descriptor, 1)


def in_sleep(seconds):
    time.sleep(seconds)


def deep(n, lock):
    local = [n]
    if n:
        deep(n - 1, lock)
    lock.acquire()
    return local


def in_generator(lock):
    def items():
        mine = [lock]
        with lock:
            yield mine
    for each in items():
        return each


def in_sort_key(lock):
    """With C code of the interpreter between two Python frames."""
    return sorted([3, 1, 2], key=lambda item: lock.acquire())


def in_except(lock):
    try:
        raise ValueError([1])
    except ValueError:
        lock.acquire()


def with_local(local, lock):
    local.value = [local]
    lock.acquire()


held, condition, event, box = threading.Lock(), threading.Condition(), threading.Event(), queue.Queue()
held.acquire()
reading, writing = os.pipe()
ends = socket.socketpair()
bodies = [(in_lock, held), (in_lock, held), (in_condition, condition), (event.wait,), (box.get,), (queue.SimpleQueue().get,),
          (in_select, reading), (in_poll, reading), (in_recv, ends[0]), (in_read, reading), (in_sleep, 5000), (deep, 50, held),
          (in_generator, held), (in_sort_key, held), (in_except, held), (with_local, threading.local(), held)]
for body in bodies:
    thread(*body)
keep["main"] = [held, condition, event, box, ends]
keep["pool"] = multiprocessing.pool.ThreadPool(2)
for _ in bodies:
    standing.acquire()
time.sleep(0.3)  # from having said so to standing there
keep["frames"] = sys._current_frames()

truth.hold()
