"""Threads that a debugger takes for others than they are.

usage: odd_threads.py gil|fork|alike|interpreters|waits

gil           the main thread sleeps in C code and keeps the GIL
fork          C code forks, of which the child's interpreter is not told: READY and the child's pid are what it says
alike         twelve threads that stand at one line, and one at another
interpreters  two sub-interpreters, each run by a thread that did not make it, with a list of 3,000 of its own class
waits         threads that wait with a time limit in poll(), usleep() and for a lock
"""
import ctypes
import os
import select
import sys
import threading
import time

SOURCE = """
import os
import time
class Session: pass
CACHE = [Session() for i in range(3000)]
os.write(%d, b"x")
time.sleep(600)
"""


def say(words):
    os.write(1, (words + "\n").encode())


def gil():
    say("READY")
    ctypes.PyDLL(None).sleep(600)


def fork():
    child = ctypes.PyDLL(None).fork()
    if child == 0:
        say("READY %d" % os.getpid())
        os.read(0, 1)
        os._exit(0)
    os.waitpid(child, 0)


def stand():
    time.sleep(600)


def alike():
    for _ in range(12):
        threading.Thread(target=stand, daemon=True).start()
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    time.sleep(0.05)  # until all have come to their line
    say("READY")
    os.read(0, 1)


def wait_in_poll():
    ends = os.pipe()
    waiting = select.poll()
    waiting.register(ends[0], select.POLLIN)
    waiting.poll(600000)


def wait_asleep():
    ctypes.CDLL(None).usleep(600000000)


def wait_for_lock():
    threading.Event().wait(600)


def waits():
    for function in (wait_in_poll, wait_asleep, wait_for_lock):
        threading.Thread(target=function, daemon=True).start()
    time.sleep(0.05)
    say("READY")
    os.read(0, 1)


def interpreters():
    try:
        import _interpreters as module
    except ImportError:
        import _xxsubinterpreters as module
    run = getattr(module, "run_string", None) or module.exec
    out, into = os.pipe()
    for each in [module.create() for _ in range(2)]:
        threading.Thread(target=run, args=(each, SOURCE % into), daemon=True).start()
    os.read(out, 1)
    os.read(out, 1)
    say("READY")
    os.read(0, 1)
    os._exit(0)


globals()[sys.argv[1]]()
