"""Serves a file system in user space (FUSE) that has one file, `file`, of 1 MB. usage: file_server.py FOLDER"""
import ctypes
import os
import struct
import sys

SIZE = 1 << 20
LOOKUP, FORGET, GETATTR, OPEN, READ, STATFS, RELEASE, FLUSH, INIT, OPENDIR = 1, 2, 3, 14, 15, 17, 18, 25, 26, 27
libc = ctypes.CDLL(None, use_errno=True)
folder = sys.argv[1].encode()
try:
    device = os.open("/dev/fuse", os.O_RDWR)
except OSError as error:
    print("no FUSE: %s" % error, flush=True)
    sys.exit(1)
options = "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other" % device
if libc.mount(b"heapglass-test", folder, b"fuse", ctypes.c_ulong(0), options.encode()):
    print("no FUSE: %s" % os.strerror(ctypes.get_errno()), flush=True)
    sys.exit(1)
os.write(1, b"READY\n")


def attributes(node):
    mode, size = (0o40755, 0) if node == 1 else (0o100755, SIZE)
    return struct.pack("<6Q10I", node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def answer(operation, node, body):  # include/uapi/linux/fuse.h
    if operation == INIT:
        return struct.pack("<4I2H2I2H8I", 7, 31, 65536, 0, 12, 10, 65536, 1, 0, 0, *([0] * 8))
    if operation == LOOKUP:
        return struct.pack("<4Q2I", 2, 0, 1, 1, 0, 0) + attributes(2)
    if operation == GETATTR:
        return struct.pack("<Q2I", 1, 0, 0) + attributes(node)
    if operation in (OPEN, OPENDIR):
        return struct.pack("<Q2I", 1, 0, 0)
    if operation == READ:
        _, offset, size = struct.unpack_from("<2QI", body)
        return b"x" * max(0, min(size, SIZE - offset))
    return b"" if operation in (RELEASE, FLUSH) else None


while True:
    try:
        message = os.read(device, 1 << 20)
    except OSError:
        sys.exit(0)  # it is mounted no longer
    _, operation, unique, node = struct.unpack_from("<2I2Q", message)
    if operation == FORGET:
        continue
    body = answer(operation, node, message[40:])
    os.write(device, struct.pack("<IiQ", 16 + len(body or b""), 0 if body is not None else -38, unique) + (body or b""))
