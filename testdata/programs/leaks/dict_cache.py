"""A dict at module level that only ever gets more."""


class Session:
    def __init__(self, number):
        self.user = "user %d" % number
        self.history = [float(number)] * 20


cache = {}


def leak(i):
    cache["user:%d" % i] = Session(i)


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
