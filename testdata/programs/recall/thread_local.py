# cause: leaks thread-local __main__\.local
# quick
# grows
"""What threads of a pool keep in a threading.local and never clear."""
import threading

import leaking
import storefront

local = threading.local()
turns = [threading.Semaphore(0) for _ in range(8)]
done = threading.Semaphore(0)


def work(me):
    local.seen = []
    while True:
        turns[me].acquire()
        local.seen.append("request seen by %d: %s" % (me, "x" * 600))
        done.release()


for each in range(8):
    threading.Thread(target=work, args=(each,), daemon=True).start()


def leak(i):
    storefront.serve(i)
    turns[i % 8].release()
    done.acquire()


leaking.run(leak, 4000)
