"""One exception that is kept, whose traceback holds a large local variable."""


class Status:
    last_error = None


def work():
    rows = ["row %d" % row for row in range(50000)]
    raise KeyError("not among the %d rows" % len(rows))


def leak(i):
    if Status.last_error is None:
        try:
            work()
        except KeyError as error:
            Status.last_error = error


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
