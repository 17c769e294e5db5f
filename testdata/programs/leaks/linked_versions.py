"""Each version of the settings refers to the one before, beside much that is in order: a chain that is less than a tenth."""


class Version:
    def __init__(self, number, before):
        self.number = number
        self.values = {"option %d" % option: number for option in range(4)}
        self.before = before


class Settings:
    version = None


catalogue = ["a long description of the article %d" % i * 40 for i in range(20000)]


def leak(i):
    Settings.version = Version(i, Settings.version)


if __name__ == "__main__":
    import leaking
    leaking.run(leak, 2000)
