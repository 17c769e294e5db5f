"""Coroutines that are made, kept and never awaited."""


async def notify(user, text):
    return user, text


class Outbox:
    waiting = []


def leak(i):
    Outbox.waiting.append(notify("user %d" % i, "text %d " % i * 50))


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
