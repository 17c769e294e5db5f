"""Each reload puts a new handler of a signal around the one before: the interpreter's C code has the last."""
import signal


def leak(i):
    before = signal.getsignal(signal.SIGUSR2)
    state = {"reload": i, "settings": ["setting %d of %d" % (setting, i) for setting in range(20)]}

    def handler(number, frame):
        state["seen"] = number
        if callable(before):
            before(number, frame)
    signal.signal(signal.SIGUSR2, handler)


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
