"""What each worker wants done when the program ends: registered for each, and none is ever unregistered."""
import atexit


class Worker:
    def __init__(self, number):
        self.buffer = bytearray(1000)

    def close(self):
        self.buffer = None


def leak(i):
    atexit.register(Worker(i).close)


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
