"""A list that is the default value of an argument: all calls append to the same one."""


def remember(i, seen=[]):
    seen.append({"number": i, "text": "seen the %d. time" % i})
    return len(seen)


def leak(i):
    remember(i)


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
