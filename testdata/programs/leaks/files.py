"""Files that are opened and never closed."""

opened = []


def leak(i):
    if i < 200:
        opened.append(open(__file__))


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
