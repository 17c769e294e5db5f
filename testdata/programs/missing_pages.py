"""Pages of its own memory that never come: it has registered them with userfaultfd, and answers no fault.

usage: missing_pages.py [modules]    modules: the page of sys.modules is one of them, and it stands still for good
"""
import ctypes
import fcntl
import os
import struct
import sys

SYSTEM_CALL = {"x86_64": 323, "aarch64": 282}[os.uname().machine]
UFFDIO_API, UFFDIO_REGISTER, MISSING = 0xC018AA3F, 0xC020AA00, 1
PAGE, SIZE, DONTNEED = 4096, 1 << 20, 4
libc = ctypes.CDLL(None, use_errno=True)


def register(address, size):
    descriptor = libc.syscall(ctypes.c_long(SYSTEM_CALL), ctypes.c_long(os.O_CLOEXEC))
    if descriptor < 0:
        print("no userfaultfd: %s" % os.strerror(ctypes.get_errno()), flush=True)
        sys.exit(1)
    fcntl.ioctl(descriptor, UFFDIO_API, bytearray(struct.pack("QQQ", 0xAA, 0, 0)))
    fcntl.ioctl(descriptor, UFFDIO_REGISTER, bytearray(struct.pack("QQQQ", address, size, MISSING, 0)))


libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
area = libc.mmap(None, SIZE, 3, 0x22, -1, 0)
register(area, SIZE)
held = (ctypes.c_char * SIZE).from_address(area)
if sys.argv[1:] == ["modules"]:
    page = id(sys.modules) // PAGE * PAGE
    register(page, PAGE)
    os.write(1, b"READY\n")
    libc.madvise(page, PAGE, DONTNEED)
    libc.pause()
os.write(1, b"READY\n")
for _ in iter(lambda: os.read(0, 1), b""):
    os.write(1, b"+")
os._exit(0)
