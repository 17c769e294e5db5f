"""A dict of settings, one of which is a cache."""
SETTINGS = {"OPTION_%d" % i: (i, str(i), None, [i])[i % 4] for i in range(60)}
SETTINGS["CACHE"] = {}


def leak(i):
    SETTINGS["CACHE"]["user:%d" % i] = [float(i)] * 20


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
