# cause: leaks pending-greenlet|many-greenlets|unbounded-cache|pending-task .*
# needs: gevent
"""Greenlets that wait for an event that never comes."""
import gevent
import gevent.event
import leaking
import storefront

never = gevent.event.Event()
waiting = []


def wait(order):
    never.wait()
    return order


def leak(i):
    storefront.serve(i)
    waiting.append(gevent.spawn(wait, {"order": i, "lines": ["line %d.%d" % (i, each) for each in range(20)]}))
    gevent.sleep(0)


leaking.run(leak, 1000)
