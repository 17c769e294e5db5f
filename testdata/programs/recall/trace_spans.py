# cause: leaks unbounded-cache __main__\.tracer\.traces
"""Spans of a home-made tracer by trace and by name: a dict of dicts of lists."""
import collections

import leaking
import storefront


class Tracer:
    def __init__(self):
        self.traces = collections.defaultdict(lambda: collections.defaultdict(list))


tracer = Tracer()


def leak(i):
    storefront.serve(i)
    for name in ("db", "http", "template"):
        tracer.traces["trace %d" % (i % 400)][name].append((i, "span %d of %s" % (i, name)))


leaking.run(leak, 6000)
