"""One shape of memory, which the interpreter and the C library then describe themselves.

usage: memory_shapes.py SHAPE FILE

Writes to FILE what sys._debugmallocstats() prints, and as its last line mallinfo()'s fordblks and hblkhd; between that
and READY it allocates nothing. Told "trim" it calls malloc_trim(0) and answers its RSS before and after, in bytes.
"""
import ctypes
import io
import mmap
import os
import sys
import threading
import time

KEEP = []


class MallInfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]


class OldMallInfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name, _ in MallInfo._fields_]


def small():
    KEEP.append([object() for _ in range(1000)])


def mapped_file(flags, prot, folder=None):
    """A file of 40 MB; every page of its mapping is written."""
    size = 40 << 20
    name = sys.argv[2] + ".mapped" if folder is None else "%s/heapglass-%d" % (folder, os.getpid())
    with open(name, "w+b") as file:
        file.truncate(size)
        mapped = mmap.mmap(file.fileno(), size, flags, prot)
    for at in range(0, size, mmap.PAGESIZE):
        mapped[at] = 1
    return mapped, name


def written_file():
    KEEP.append(mapped_file(mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)[0])


def unlinked_file(folder=None):
    mapped, name = mapped_file(mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, folder)
    os.unlink(name)
    KEEP.append(mapped)


def unlinked_in_memory():
    unlinked_file("/dev/shm")


def objects():
    KEEP.append([[str(i), i * 1.5, {"k": (i,)}] for i in range(60000)])


def fragmented():
    """Holes of every kind: in pools, in chunks, in fast bins and thread caches."""
    blocks = [bytearray(600 + i % 9000) for i in range(12000)]
    little = [(i, str(i)) for i in range(100000)]
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.free.argtypes = [ctypes.c_void_p]
    fast = [libc.malloc(n) for n in (24, 40, 56, 104, 120) for _ in range(200)]
    for each in fast[::2]:
        libc.free(each)
    KEEP.append([b for i, b in enumerate(blocks) if i % 5 == 0 or 3000 < i < 4000])
    KEEP.append(little[::7])


def big_strings():
    KEEP.append([chr(97 + i % 26) * (1 << 20) for i in range(40)] + ["\u20ac" * 5000000])


def threads():
    def hold():
        mine = [bytearray(3000) for _ in range(3000)]
        del mine[::2]
        ready.release()
        time.sleep(600)
    ready = threading.Semaphore(0)
    for _ in range(8):
        threading.Thread(target=hold, daemon=True).start()
    for _ in range(8):
        ready.acquire()


def thread_holes():
    """Of each thread most is free, in an arena of its own, in pieces of a few pages."""
    def hold():
        mine = [bytearray(9000 + 1000 * (i % 30)) for i in range(300)]
        del mine[::3], mine[::2]
        KEEP.append(mine)
        ready.release()
        time.sleep(600)
    ready = threading.Semaphore(0)
    for _ in range(6):
        threading.Thread(target=hold, daemon=True).start()
        ready.acquire()


def freed_below():
    """All is free but for what was made last, above it."""
    pieces = [b"%d" % i * 10000 for i in range(600)]
    KEEP.append(bytes(5000))
    del pieces


def maps():
    anonymous = mmap.mmap(-1, 20 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    anonymous.write(b"x" * (12 << 20))
    shared = mmap.mmap(-1, 8 << 20)
    shared.write(b"y" * (8 << 20))
    with open(sys.executable, "rb") as file:
        view = mmap.mmap(file.fileno(), min(4 << 20, os.path.getsize(sys.executable)), prot=mmap.PROT_READ)
    KEEP.extend([anonymous, shared, view, sum(view[::4096])])
    zeros = mmap.mmap(-1, 10 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    KEEP.extend([zeros, zeros[:]])  # read and never written: no memory of its own


def sparse():
    """Thousands of runs of pages, at every second."""
    holes = mmap.mmap(-1, 40 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for at in range(0, len(holes), 8192):
        holes[at] = 1
    KEEP.append(holes)


def shared():
    """Memory that a fork would share, which is no file."""
    buffer = mmap.mmap(-1, 60 << 20)
    buffer.write(b"y" * (60 << 20))
    KEEP.append(buffer)


def pinned():
    """Nearly all of pymalloc's arenas is free, and a few objects keep each."""
    class Session:
        __slots__ = ("number",)

        def __init__(self, number):
            self.number = number
    Session.__qualname__ = "Session"
    some = [Session(0) for _ in range(800_000)]
    KEEP.append(some[::2000])


def numbers():
    import numpy
    KEEP.extend(numpy.ones((300, 1000)) for _ in range(12))
    KEEP.extend(numpy.arange(n) for n in range(1, 3000))


def many_numbers():
    """Some hundred MB of arrays of several kinds, some of which share their data."""
    import numpy
    KEEP.extend(numpy.full((1000, 1000), i, kind) for i in range(20) for kind in ("f8", "i4", "u1"))
    KEEP.extend([each[::2], each.T, each.reshape(-1)] for each in KEEP[:20])
    KEEP.extend(numpy.array(["%d" % i, None, i], object) for i in range(1000))
    KEEP.append(numpy.empty(20_000_000))  # not written: no memory of its own


def numbers_between():
    """Most arrays are gone, what is left lies between them: small ones in holes of thread caches and bins, large ones
    of pages."""
    import numpy
    some = [numpy.full(300 + i % 4000, i, "f8") for i in range(6000)]
    KEEP.append(some[::2])
    KEEP.append([numpy.full(i * 40000, 1.5) for i in range(1, 25)])


def native():
    """Blocks that no object points to."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    for _ in range(3000):
        libc.memset(libc.malloc(10000), 1, 10000)


def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))


def main():
    shape, path = sys.argv[1:]
    globals()[shape]()
    libc = ctypes.CDLL(None)
    modern = hasattr(libc, "mallinfo2")
    mallinfo = libc.mallinfo2 if modern else libc.mallinfo
    mallinfo.restype = MallInfo if modern else OldMallInfo
    out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    byte, ready, wait = bytearray(1), b"READY\n", io.FileIO(0, closefd=False).readinto
    stats, write, asked = sys._debugmallocstats, os.write, mallinfo
    error = os.dup(2)
    for _ in range(3):  # what a first time needs is there at the last
        os.dup2(out, 2)
        stats()
        asked()
    os.ftruncate(out, 0)
    os.lseek(out, 0, os.SEEK_SET)
    info = asked()
    stats()
    write(1, ready)
    wait(byte)
    os.dup2(error, 2)
    os.write(out, ("\nmallinfo %d %d\n" % (info.fordblks, info.hblkhd)).encode())
    print("WRITTEN", flush=True)
    for question in sys.stdin:
        if question.strip() == "trim":
            before = resident()
            libc.malloc_trim(0)
            print(before, resident(), flush=True)


if __name__ == "__main__":
    main()
