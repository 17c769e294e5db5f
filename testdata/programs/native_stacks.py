"""Threads whose stacks go through C: a lock, a sleep, a comparison called by qsort, a signal handler of C; and one in __init__().

Says READY and its thread ids when all of them stand, and waits for its input to end.
"""
import ctypes
import os
import signal
import sys
import threading
import time

libc = ctypes.CDLL(None)
gone = threading.Lock()
gone.acquire()
standing = []


def stand(wait):
    standing.append(threading.get_ident())
    wait()


def sleep():
    time.sleep(100000)


def compared(a, b):
    stand(sleep)
    return 0


def handles(number):
    stand(sleep)


class Stands:
    """Made so often that the interpreter enters __init__() without a call of C, with a frame of its own between."""

    def __init__(self, number):
        if number == 199:
            stand(sleep)


def makes():
    for number in range(200):
        Stands(number)


def sorts():
    libc.qsort(numbers, 2, 4, compare)


compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(compared)
handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(handles)
numbers = (ctypes.c_int * 2)(2, 1)
libc.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.signal.restype = ctypes.c_void_p
libc.signal(signal.SIGUSR1, ctypes.cast(handler, ctypes.c_void_p))


def signalled():
    # tgkill(getpid(), gettid(), SIGUSR1): to this thread, while it is in C without the GIL, which the handler takes.
    libc.syscall(234, os.getpid(), libc.syscall(186), signal.SIGUSR1)


ways = [lambda: stand(gone.acquire), lambda: stand(sleep), sorts, signalled, makes]
for way in ways:
    threading.Thread(target=way, daemon=True).start()
while len(standing) < len(ways):
    time.sleep(0.01)
time.sleep(0.2)
print("READY", flush=True)
sys.stdin.read()
