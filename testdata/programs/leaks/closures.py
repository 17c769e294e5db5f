"""Callbacks that are functions inside a function: each keeps in its closure all that it may ever need."""

callbacks = []


def on_done(report):
    def callback():
        return len(report)
    return callback


def leak(i):
    callbacks.append(on_done(["line %d of the report %d" % (line, i) for line in range(20)]))


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
