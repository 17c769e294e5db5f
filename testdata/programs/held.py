"""One object of a class of its own for each way in which people lose track of objects.

Prints READY when all is in place, and waits for the end of its input.
"""
import asyncio
import atexit
import contextvars
import functools
import gc
import logging
import signal
import sys
import threading
import weakref

gc.disable()
twice = [gc, sys, gc]


class InLruCache: pass
class InContextVar: pass
class InThreadLocal: pass
class InTraceback: pass
class InTask: pass
class InCallback: pass
class InClosure: pass
class InClassAttribute: pass
class InLogging: pass
class InAtexit: pass
class InSignal: pass
class InWeakrefCallback: pass
class InGenerator: pass
class InFrame: pass
class InThread: pass
class InPartial: pass
class InGarbage: pass
class InDefault: pass
class InSlot:
    __slots__ = ("__weakref__",)


@functools.lru_cache(maxsize=None)
def load(key):
    return InLruCache()


for number in range(3):
    load(number)

variable = contextvars.ContextVar("request")
variable.set(InContextVar())

local = threading.local()
local.connection = InThreadLocal()


def fail():
    lost = InTraceback()
    raise ValueError("kept with its traceback")


try:
    fail()
except ValueError as error:
    last_error = error


async def wait_forever(what):
    await asyncio.get_event_loop().create_future()


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
task = loop.create_task(wait_forever(InTask()))
loop.call_later(10000, functools.partial(print, InCallback()))
loop.run_until_complete(asyncio.sleep(0.01))


def closure(data):
    def inner():
        return data
    return inner


handler = closure(InClosure())


class Registry:
    plugins = {}


Registry.plugins["first"] = InClassAttribute()


class Handler(logging.Handler):
    def __init__(self, what):
        super().__init__()
        self.what = what

    def emit(self, record):
        pass


logging.getLogger("held.of.logging").addHandler(Handler(InLogging()))
atexit.register(len, [InAtexit()])
signal.signal(signal.SIGUSR1, functools.partial(print, InSignal()))
anchor = InSlot()
weak = weakref.ref(anchor, functools.partial(print, InWeakrefCallback()))


def generate(state):
    yield 1
    yield state


generator = generate(InGenerator())
next(generator)
apply = functools.partial(print, flag=InPartial())


def with_default(argument=InDefault()):
    pass


def in_thread(ready, done):
    worker_state = InThread()
    ready.set()
    done.wait()


ready, done = threading.Event(), threading.Event()
thread = threading.Thread(target=in_thread, args=(ready, done))
thread.start()
ready.wait()

garbage = InGarbage()
garbage.me = garbage
del garbage, number



def main():
    request = InFrame()
    print("READY", flush=True)
    sys.stdin.read()
    return request


main()
done.set()
