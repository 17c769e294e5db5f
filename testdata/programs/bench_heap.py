"""A heap of about N objects as a service has them: instances, dicts, lists, tuples and strings. usage: bench_heap.py [N]"""
import sys

import truth


class Order(object):
    def __init__(self, i):
        self.customer = "customer %d" % i
        self.lines = [(i, "item %d" % (i & 1023)), {"price": i + 0.5, "count": i & 7}]


class Point(object):
    __slots__ = ("x", "y")

    def __init__(self, i):
        self.x, self.y = float(i), [i]


def build(n):
    orders, index, points = [], {}, []
    for i in range(n // 10):  # ten objects and some a round, the large numbers among them
        order = Order(i)
        orders.append(order)
        index[order.customer] = order
        if not i & 1:
            points.append(Point(i))
    return orders, index, points


service = build(int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdigit() else 10000)

truth.hold()
