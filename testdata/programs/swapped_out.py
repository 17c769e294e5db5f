"""A process whose heap is in swap: it asks the kernel to page it out (MADV_PAGEOUT), where there is swap.

usage: swapped_out.py MEGABYTES

Prints READY; ends when its input ends.
"""
import ctypes
import sys
import time


class Parcel(object):
    def __init__(self, number):
        self.number = number
        self.label = "parcel %d" % number


PARCELS = [Parcel(i) for i in range(int(sys.argv[1]) * 2500)]
libc = ctypes.CDLL(None, use_errno=True)
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
MADV_PAGEOUT = 21
with open("/proc/self/maps") as maps:
    lines = maps.read().splitlines()
for line in lines:
    words = line.split()
    if words[1].startswith("rw-p") and words[4] == "0" and "[stack" not in line:
        start, end = (int(word, 16) for word in words[0].split("-"))
        libc.madvise(start, end - start, MADV_PAGEOUT)
time.sleep(0.2)
sys.stdout.write("READY\n")
sys.stdout.flush()
sys.stdin.read()
