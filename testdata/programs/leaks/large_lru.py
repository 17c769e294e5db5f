"""functools.lru_cache with a bound that is never met: its entries are large and many."""
import functools


@functools.lru_cache(maxsize=100000)
def page(number):
    return ["line %d of page %d" % (line, number) for line in range(30)]


def leak(i):
    page(i)


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
