"""A queue whose only consumer has died at its first item: nobody takes from it, and all go on putting into it."""
import queue


class Metrics:
    def __init__(self):
        self.inbox = queue.Queue()


metrics = Metrics()


def leak(i):
    metrics.inbox.put({"name": "request.%d" % i, "seconds": i / 1000.0})


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
