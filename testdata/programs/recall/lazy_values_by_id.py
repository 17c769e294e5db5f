# cause: leaks unbounded-cache __main__\.Product\.texts\.values
"""A descriptor that keeps what it has worked out in a dict of its own, by id() of the object, and the object with it."""
import leaking
import storefront


class Lazy:
    def __init__(self, work_out):
        self.work_out = work_out
        self.values = {}

    def __get__(self, instance, owner):
        if instance is None:
            return self
        if id(instance) not in self.values:
            self.values[id(instance)] = (instance, self.work_out(instance))
        return self.values[id(instance)][1]


class Product:
    def __init__(self, number):
        self.number = number

    @Lazy
    def texts(self):
        return ["text %d of product %d" % (each, self.number) for each in range(4)]


def leak(i):
    storefront.serve(i)
    return Product(i).texts


leaking.run(leak, 2000)
