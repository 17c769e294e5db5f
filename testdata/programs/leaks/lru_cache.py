"""functools.lru_cache(maxsize=None) of a function with ever new arguments."""
import functools


@functools.lru_cache(maxsize=None)
def load(number):
    return "row %s " % number * 20


def leak(i):
    load("key %d" % i)


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
