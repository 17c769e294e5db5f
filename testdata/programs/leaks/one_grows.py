"""A hundred services with caches of the same size, one of which goes on growing."""


class Service:
    def __init__(self):
        self.answers = {i: [float(i)] * 20 for i in range(100)}


services = [Service() for _ in range(100)]


def leak(i):
    services[42].answers[1000 + i] = [float(i)] * 20


if __name__ == "__main__":
    import leaking
    leaking.run(leak, 10)
