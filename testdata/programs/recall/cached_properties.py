# cause: leaks unbounded-cache __main__\.Document\.all
"""Objects that a class lists, each with what functools.cached_property has computed."""
import leaking
import storefront


class Lazy:
    """As functools.cached_property, which 3.7 does not have."""

    def __init__(self, function):
        self.function, self.name = function, function.__name__

    def __get__(self, instance, owner=None):
        value = instance.__dict__[self.name] = self.function(instance)
        return value


class Document:
    all = []

    def __init__(self, number):
        self.number = number
        self.all.append(self)

    @Lazy
    def words(self):
        return ["word%d.%d" % (self.number, i) for i in range(40)]


def leak(i):
    storefront.serve(i)
    Document(i).words


leaking.run(leak, 2500)
