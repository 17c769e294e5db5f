"""Cycles of objects with a __del__, with the cyclic collector off."""
import gc

gc.disable()


class Node:
    def __init__(self, number):
        self.me = self
        self.payload = ["payload %d" % number] * 100

    def __del__(self):
        pass


def leak(i):
    Node(i)


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
