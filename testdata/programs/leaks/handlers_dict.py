"""Callbacks by event name, in lists in a dict."""
import functools

callbacks = {"opened": [], "closed": []}


def on_closed(data, event):
    pass


def leak(i):
    callbacks["closed"].append(functools.partial(on_closed, {"number": i, "text": "text %d " % i * 10}))


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
