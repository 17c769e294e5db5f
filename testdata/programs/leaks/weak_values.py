"""A cache that holds its values weakly, and beside it a list that pins them all."""
import weakref


class Page:
    def __init__(self, number):
        self.number = number
        self.text = "text of page %d " % number * 10


class Site:
    def __init__(self):
        self.cache = weakref.WeakValueDictionary()
        self.pinned = []


site = Site()


def leak(i):
    page = site.cache["page %d" % i] = Page(i)
    site.pinned.append((i, page))


if __name__ == "__main__":
    import leaking
    leaking.run(leak, 3000)
