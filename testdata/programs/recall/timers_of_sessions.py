# cause: leaks many-threads threads of threading\.Timer
"""A threading.Timer that would end each session in a day."""
import threading

import leaking
import storefront


def end(session):
    session.clear()


def leak(i):
    storefront.serve(i)
    timer = threading.Timer(86400, end, [{"session": i, "basket": ["article %d" % each for each in range(20)]}])
    timer.daemon = True
    timer.start()


leaking.run(leak, 120)
