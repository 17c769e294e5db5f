"""Classes with ever new names, in a registry of plugins."""


class Plugin:
    known = {}

    def __init_subclass__(cls):
        Plugin.known[cls.__name__] = cls


def leak(i):
    type("Plugin%d" % i, (Plugin,), {"number": i, "describe": lambda self: self.number})


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
