"""A threading.Timer for each session, which nobody cancels when the session ends."""
import threading


def expire(session):
    session["expired"] = True


def leak(i):
    timer = threading.Timer(86400, expire, [{"session": i, "basket": ["article %d" % j for j in range(20)]}])
    timer.daemon = True
    timer.start()


if __name__ == "__main__":
    import leaking
    leaking.run(leak, 100)
