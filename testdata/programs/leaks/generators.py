"""Generators of which only the first value was wanted, kept in the middle."""

cursors = {}


def rows(table):
    cached = ["%s, row %d" % (table, row) for row in range(20)]
    for each in cached:
        yield each


def leak(i):
    cursor = rows("table %d" % i)
    next(cursor)
    cursors[i] = cursor


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
