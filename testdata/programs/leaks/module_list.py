"""A list at module level to which all is appended, for a report that nobody ever writes."""

history = []


def leak(i):
    history.append({"number": i, "seconds": i / 1000.0, "message": "request %d took longer than it should" % i})


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
