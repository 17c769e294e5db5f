"""Grows as it is told to, by lines on its standard input.

  grow N   N entries more in each of the three places that never let go: __main__.cache, a dict; __main__.log, a
           list; __main__.bus.handlers, the handlers of a bus. Answers OK
  swap     replaces the 1000 texts of __main__.texts by other ones; answers how many addresses were used again
  error    raises MemoryError and catches it; "error thread" does so in a thread, which begins 2.5 s before. Both answer OK
  exit N   ends with that code
  make N   makes N objects of Passing and keeps them in __main__.passing; drop lets them go. Both answer OK
"""
import sys


class Session:
    def __init__(self, user):
        self.user = user

    def on_event(self, event):
        pass


class Passing:
    def __init__(self, number):
        self.number = number


class Bus:
    def __init__(self):
        self.handlers = []


cache, log, bus = {}, [], Bus()
texts, passing = [], []
made = 0


def grow(n):
    global made
    for i in range(made, made + n):
        cache["user:%d" % i] = Session("user %d" % i)
        log.append("request %d was served" % i)
        bus.handlers.append(Session("listener %d" % i).on_event)
    made += n
    return "OK"


def swap(generation):
    before = {id(text) for text in texts}
    texts.clear()
    texts.extend(["text %d of generation %d" % (i, generation) for i in range(1000)])
    return str(len(before & {id(text) for text in texts}))


def make(n):
    passing.extend([Passing(i + 1000000 * len(sys.argv)) for i in range(n)])
    return "OK"


def error(where):
    # Not before: the heap of other tests is as small as it can be.
    import threading
    import time

    def fail():
        if where:
            time.sleep(2.5)
        try:
            bytearray(1 << 45)
        except MemoryError:
            pass

    if where:
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
    else:
        fail()
    return "OK"


def drop():
    passing.clear()
    return "OK"


grow(10)
swap(0)
print("READY", flush=True)
for number, line in enumerate(iter(sys.stdin.readline, "")):
    words = line.split()
    if words[0] == "grow":
        answer = grow(int(words[1]))
    elif words[0] == "swap":
        answer = swap(number + 1)
    elif words[0] == "make":
        answer = make(int(words[1]))
    elif words[0] == "error":
        answer = error(words[1:])
    elif words[0] == "exit":
        sys.exit(int(words[1]))
    else:
        answer = drop()
    print(answer, flush=True)
