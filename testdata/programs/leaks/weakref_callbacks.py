"""Weak references, each with a callback that knows more than it should."""
import functools
import weakref


class Page:
    pass


def forget(data, reference):
    pass


watched = {}
page = Page()


def leak(i):
    watched[i] = weakref.ref(page, functools.partial(forget, ["row %d" % row for row in range(20)]))


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
