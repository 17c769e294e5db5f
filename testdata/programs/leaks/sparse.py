"""Objects with dicts and lists that nobody ever puts anything into."""


class Node:
    __slots__ = ("tags", "children", "extra")

    def __init__(self):
        self.tags, self.children, self.extra = {}, [], set()


nodes = []


def leak(i):
    for _ in range(10):
        nodes.append(Node())


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
