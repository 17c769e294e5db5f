# cause: leaks large-object __main__\.Settings\.current
"""Each version of the settings refers to the one before, so that one could go back."""
import leaking
import storefront


class Version:
    __slots__ = ("values", "before")

    def __init__(self, values, before):
        self.values = values
        self.before = before


class Settings:
    current = Version({}, None)


def leak(i):
    storefront.serve(i)
    Settings.current = Version({"tax": i, "shipping": [i, i + 1]}, Settings.current)


leaking.run(leak, 1500)
