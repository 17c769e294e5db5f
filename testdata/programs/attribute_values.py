"""30,000 instances with 25 attributes each, all of whose values are shared. What they take by tracemalloc's word, the list
that has them included, is printed after READY, and the list's id.
"""
import gc
import sys
import tracemalloc

gc.disable()


class Record(object):
    def __init__(self):
        self.a0 = self.a1 = self.a2 = self.a3 = self.a4 = self.a5 = self.a6 = self.a7 = self.a8 = self.a9 = None
        self.b0 = self.b1 = self.b2 = self.b3 = self.b4 = self.b5 = self.b6 = self.b7 = self.b8 = self.b9 = 0
        self.c0 = self.c1 = self.c2 = self.c3 = self.c4 = True


for i in range(100):
    Record()  # from here on the class knows how many attributes there are
tracemalloc.start()
before = tracemalloc.get_traced_memory()[0]
records = [Record() for i in range(30000)]
taken = tracemalloc.get_traced_memory()[0] - before
tracemalloc.stop()
print("READY %d %d" % (taken, id(records)), flush=True)
sys.stdin.read()
