# cause: leaks unbounded-cache __main__\.scheduler\.heap
"""A heapq in which what is cancelled is only marked."""
import heapq
import itertools

import leaking
import storefront


class Scheduler:
    def __init__(self):
        self.heap, self.number = [], itertools.count()

    def later(self, when, job):
        entry = [when, next(self.number), job]
        heapq.heappush(self.heap, entry)
        return entry


scheduler = Scheduler()


def leak(i):
    storefront.serve(i)
    scheduler.later(i + 10 ** 9, {"job": "job %d" % i, "text": "mail %d" % i * 10})[2]["cancelled"] = True


leaking.run(leak, 6000)
