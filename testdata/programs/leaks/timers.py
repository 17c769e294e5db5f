"""Timers of an event loop that are set for each session and never cancelled: tomorrow they would end it."""
import asyncio

loop = asyncio.new_event_loop()


class Session:
    def __init__(self, number):
        self.body = "body of session %d" % number * 40

    def expire(self):
        self.body = None


def leak(i):
    loop.call_later(86400 + i, Session(i).expire)


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
