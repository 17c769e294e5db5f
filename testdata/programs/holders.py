"""Objects held in every way that a picture has a look or a name for: one Session each, whose name tells the way.

Prints READY and waits until standard input ends. Python 3.7 to 3.15.
"""
import asyncio
import functools
import os
import signal
import weakref

signal.alarm(900)


class Session:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        pass


class Registry:
    def __init__(self):
        self.by_name = weakref.WeakValueDictionary()


class Pair:
    __slots__ = ("left", "right")


registry = Registry()
watched = registry.by_name["watched"] = Session("weakly watched")
reference = weakref.ref(watched)

pair = Pair()
pair.left = Session("in a slot")
nested = [(), ({"key": Session("in a list")},)]


def make_handler(session):
    count = 0

    def handler(event):
        nonlocal count
        count += 1
        return session, event

    return handler


handlers = {"login": make_handler(Session("in a closure"))}


def stream(session):
    yield session


generator = stream(Session("in a generator"))
next(generator)


@functools.lru_cache(None)
def load(name):
    return Session(name)


load("in a cache")


def fail(session):
    raise ValueError("about a session")


try:
    fail(Session("in a traceback"))
except ValueError as error:
    last_error = error


async def serve(session, queue):
    return session, await queue.get()


def blocked(session):
    os.write(1, b"READY\n")
    while os.read(0, 4096):
        pass
    os._exit(0)


async def main():
    queue = asyncio.Queue()
    tasks = [asyncio.ensure_future(serve(Session("in a task"), queue))]
    blocked(Session("on the stack"))
    await asyncio.gather(*tasks)


asyncio.run(main())
