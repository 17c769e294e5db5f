"""Few objects, large ones: lists, dicts, sets and strings of many items, and one with very many referrers. usage: big.py [N]"""
import array
import sys

import truth

N = int(sys.argv[1]) if sys.argv[1:2] and sys.argv[1].isdigit() else 200000
shared = ["everybody's"]
numbers = list(range(N))
same = [shared] * N
table = dict.fromkeys(range(N // 2))
names = {"name %d" % i: shared for i in range(N // 4)}
members = set(range(N // 3))
text, wide, data = "x" * 30000000, "\U0001f600" * 1000000, bytearray(40000000)
pair = tuple(numbers[:N // 4])
doubles = array.array("d", bytes(8 * N))
reserved = []
for i in range(100000):
    reserved.append(None)

truth.hold()
