"""Few objects, large ones: lists, dicts, sets and strings of many items, and one with very many referrers.

usage: big.py [N [LENGTH OF THE LONGEST LIST [ITEMS OF THE LARGEST DICT]]]

Half as large in debug builds, where an object takes five times as long to tell: a dict needs four bytes an index there,
too.
"""
import array
import sys

import truth

given = [int(word) for word in sys.argv[1:4] if word.isdigit()]
N = given[0] if given else 100000 if hasattr(sys, "gettotalrefcount") else 200000
LIST = given[1] if len(given) > 1 else N
DICT = given[2] if len(given) > 2 else N // 2
truth.LIFETIME += N // 1000  # seconds
shared = ["everybody's"]
numbers = list(range(N))
same = [shared] * LIST
table = dict.fromkeys(numbers[:DICT] + list(range(N, DICT)))
names = {"name %d" % i: shared for i in range(N // 4)}
members = set(numbers[:N // 3])
text, wide, data = "x" * 30000000, "\U0001f600" * 1000000, bytearray(40000000)
pair = tuple(numbers[:N // 4])
doubles = array.array("d", bytes(8 * N))
reserved = []
for i in range(100000):
    reserved.append(None)

truth.hold()
