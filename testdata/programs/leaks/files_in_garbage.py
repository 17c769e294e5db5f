"""Files that only cycles of garbage hold, with the collector off."""
import gc

gc.disable()


class Reader:
    def __init__(self):
        self.me = self
        self.file = open(__file__)


def leak(i):
    if i < 200:
        Reader()


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
