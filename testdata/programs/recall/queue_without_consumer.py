# cause: leaks unbounded-cache __main__\.audit\.queue
"""A queue.Queue whose thread ended with an exception."""
import queue
import threading

import leaking
import storefront

audit = queue.Queue()


def consume():
    audit.get()
    raise SystemExit


threading.Thread(target=consume, daemon=True).start()


def leak(i):
    storefront.serve(i)
    audit.put({"user": "user %d" % i, "action": "buy", "details": "details %d" % i * 15})


leaking.run(leak, 5000)
