"""Its main thread waits in the kernel for a child, as in vfork: it cannot be stopped meanwhile. usage: vforking.py SECONDS

The child has memory of its own and does nothing but wait so long; then the process answers.
"""
import ctypes
import os
import signal
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
CLONE, CLONE_VFORK = 56, 0x4000


class Held(object):
    pass


held = [Held() for _ in range(1000)]
os.write(1, b"READY\n")
pid = libc.syscall(ctypes.c_long(CLONE), ctypes.c_long(CLONE_VFORK | signal.SIGCHLD), *[ctypes.c_long(0)] * 4)
if pid == 0:
    time.sleep(float(sys.argv[1]))
    os._exit(0)
os.waitpid(pid, 0)
for question in iter(lambda: os.read(0, 1), b""):
    os.write(1, b"+")
os._exit(0)
