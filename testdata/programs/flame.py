"""A cache that holds most of the heap. Prints READY and its bytes: its own and those of its keys and values."""
import sys

cache = {"key %d" % number: b"x" * 1000 + str(number).encode() for number in range(5000)}
print("READY", sys.getsizeof(cache) + sum(map(sys.getsizeof, cache.keys())) + sum(map(sys.getsizeof, cache.values())), flush=True)
sys.stdin.read(1)
