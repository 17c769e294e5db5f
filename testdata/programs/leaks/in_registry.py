"""One of a hundred services remembers every answer; the others are as they were."""


class Service:
    def __init__(self, name):
        self.name = name
        self.answers = {}


services = {"service %d" % i: Service("service %d" % i) for i in range(100)}


def leak(i):
    services["service 7"].answers[i] = [float(i)] * 20


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
