"""Few objects, large ones: lists, dicts, sets and strings of millions of items, and one with very many referrers."""
import array

import truth

N = 2000000
shared = ["everybody's"]
numbers = list(range(N))
same = [shared] * N
table = dict.fromkeys(range(1000000))
names = {"name %d" % i: shared for i in range(300000)}
members = set(range(700000))
text, wide, data = "x" * 50000000, "\U0001f600" * 1000000, bytearray(80000000)
pair = tuple(numbers[:500000])
doubles = array.array("d", bytes(8 * N))
reserved = []
for i in range(100000):
    reserved.append(None)

truth.hold()
