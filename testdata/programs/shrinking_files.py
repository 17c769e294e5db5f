"""Maps files that a child of it cuts short and writes again, as fast as it can: a program's file, and plain data.

usage: shrinking_files.py PATH      PATH is where the copy of the program is made
"""
import mmap
import os
import shutil
import sys

path = sys.argv[1]
shutil.copy(os.path.realpath(sys.executable), path)
whole = open(path, "rb").read()
program = os.open(path, os.O_RDWR)
data = os.memfd_create("data") if hasattr(os, "memfd_create") else os.open(path + ".data", os.O_RDWR | os.O_CREAT)
os.ftruncate(data, 8 << 20)
views = [
    mmap.mmap(program, len(whole), flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ),
    mmap.mmap(program, len(whole), flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_EXEC),
    mmap.mmap(data, 8 << 20, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ),
]
parent = os.getpid()
if os.fork() == 0:
    while os.getppid() == parent:
        os.ftruncate(program, 0)
        os.ftruncate(data, 0)
        os.ftruncate(program, len(whole))
        os.ftruncate(data, 8 << 20)
        os.pwrite(program, whole, 0)
    os._exit(0)
print("READY", flush=True)
sys.stdin.read()
os._exit(0)
