"""It has a file mapped, has read a page of it and written another of its own. usage: maps_a_file.py FILE"""
import mmap
import os
import sys

descriptor = os.open(sys.argv[1], os.O_RDONLY)
mapped = mmap.mmap(descriptor, 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
assert mapped[0:1] == b"x"
mapped[8192] = 7
held = [{"number": [i]} for i in range(1000)]
os.write(1, b"READY\n")
for _ in iter(lambda: os.read(0, 1), b""):
    os.write(1, b"+")
os._exit(0)
