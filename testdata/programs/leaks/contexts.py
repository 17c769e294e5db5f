"""Each context has the one before as its parent: dicts in dicts, of which none is larger than another."""


class Current:
    context = {}


def leak(i):
    Current.context = {"parent": Current.context, "request": "request %d " % i * 700}


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
