"""What a shell keeps of each answer, in three places: by number, under a name of its own, and in a list of the hidden."""
history = {}
hidden = {}
hidden["history"] = history
hidden.update(("name %d" % i, i) for i in range(30))


def leak(i):
    rows = [str(100000 * i + k) for k in range(300)]
    history[i] = rows
    globals()["_%d" % i] = rows


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
