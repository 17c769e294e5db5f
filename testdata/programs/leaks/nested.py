"""Subscriptions by topic: a dict of a few lists, of which each only ever gets more."""


class Event:
    def __init__(self, number):
        self.number = number
        self.data = [float(number)] * 20


topics = {}


def leak(i):
    topics.setdefault("topic %d" % (i % 7), []).append(Event(i))


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
