# cause: leaks many-threads .*
"""A thread for each request, all of which wait for a lock that is never released."""
import threading

import leaking
import storefront

upstream = threading.Lock()
upstream.acquire()


def forward(request):
    with upstream:
        return request


def leak(i):
    storefront.serve(i)
    threading.Thread(target=forward, args=(["request %d" % i] * 100,), daemon=True).start()


leaking.run(leak, 120)
