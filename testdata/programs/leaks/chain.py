"""A linked list: each object refers to the one before, and none has many references."""


class Link:
    __slots__ = ("before", "data")

    def __init__(self, before):
        self.before = before
        self.data = bytearray(8000)


class Chain:
    last = None


chain = Chain()


def leak(i):
    chain.last = Link(chain.last)


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
