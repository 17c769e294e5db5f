"""Several small leaks of kinds that look like others.
usage: several_causes.py
"""
import contextvars
import gc
import multiprocessing
import unittest.mock
import warnings
import weakref


class App:
    def pay(self):
        return 1


class Job:
    def __init__(self, number):
        self.me = self
        self.text = "job %d " % number * 20


app, listeners, undo, locks, rules = App(), [], None, {}, {}


def remove(path, body):
    pass


def leak(i):
    global undo
    weakref.finalize(app, remove, "/tmp/job-%d" % i, b"%d" % i * 50)
    listeners.extend(weakref.ref(App()) for _ in range(5))
    undo = ("set price", {"product": i, "before": "price %d" % i}, undo)
    warnings.filterwarnings("ignore", message="order %d is late" % i)
    contextvars.ContextVar("request-%d" % i).set({"id": i})
    Job(i)
    if i % 10 == 0:
        unittest.mock.patch.object(App, "pay", return_value={"id": i}).start()
    if i % 4 == 0:
        space = {}
        exec("limit = %d\ndef check(order): return order > limit\n" % i, space)
        rules[i] = space["check"]
        locks["order %d" % i] = multiprocessing.Lock()


if __name__ == "__main__":
    import leaking

    gc.set_debug(gc.DEBUG_SAVEALL)
    leaking.run(leak, 2000)
