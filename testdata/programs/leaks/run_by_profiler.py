"""cProfile runs a program that calls itself __main__ too: usage: run_by_profiler.py, which runs itself by `python -m cProfile`."""
import os
import sys

orders = {}


class Order:
    def __init__(self, number):
        self.number = number
        self.lines = ["line %d of %d" % (line, number) for line in range(5)]

    def total(self):
        return len(self.lines)


def leak(i):
    orders[i] = Order(i)


if __name__ == "__main__":
    if sys.argv[1:] != ["again"]:
        os.execv(sys.executable, [sys.executable, "-B", "-m", "cProfile", __file__, "again"])
    import leaking
    leaking.run(leak)
