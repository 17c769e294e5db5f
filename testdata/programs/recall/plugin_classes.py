# cause: leaks class-registry|runtime-classes __main__\.(Plugin\.registry|Registry\.classes|Plugin)
"""A metaclass that registers each class, and classes are made for each request."""
import leaking
import storefront


class Registry(type):
    classes = {}

    def __new__(mcs, name, bases, body):
        cls = super().__new__(mcs, name, bases, body)
        Registry.classes[name] = cls
        return cls


class Plugin(metaclass=Registry):
    pass


def leak(i):
    storefront.serve(i)
    Registry("Plugin%d" % i, (Plugin,), {"order": i, "run": lambda self: self.order})


leaking.run(leak, 1200)
