"""Bound methods in a list of handlers, from which nobody takes them."""


class Events:
    def __init__(self):
        self.handlers = []


class Widget:
    def __init__(self, number):
        self.data = ["pixel %d" % number] * 50

    def on_change(self, event):
        pass


events = Events()


def leak(i):
    events.handlers.append(Widget(i).on_change)


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
