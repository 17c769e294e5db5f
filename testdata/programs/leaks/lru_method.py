"""functools.lru_cache on a method: its keys keep every instance."""
import functools


class Report:
    def __init__(self, number):
        self.rows = ["row %d" % number] * 50

    @functools.lru_cache(maxsize=4096)
    def total(self, tax):
        return len(self.rows) * tax


def leak(i):
    Report(i).total(1.25)


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
