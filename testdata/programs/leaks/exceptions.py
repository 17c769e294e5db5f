"""Exceptions that are remembered, and with them every frame of their tracebacks and its local variables."""

errors = []


def read(number):
    lines = ["line %d of %d" % (line, number) for line in range(20)]
    raise ValueError("cannot read %d" % number, len(lines))


def leak(i):
    try:
        read(i)
    except ValueError as error:
        errors.append(error)


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
