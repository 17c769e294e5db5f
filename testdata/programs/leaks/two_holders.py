"""The same objects in a cache and in a list: they go when both have let go."""
import functools


class Report:
    def __init__(self, number):
        self.rows = [float(number)] * 20


@functools.lru_cache(maxsize=None)
def load(number):
    return Report(number)


history = []


def leak(i):
    history.append(load(i))


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
