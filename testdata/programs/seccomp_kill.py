"""A process that the kernel kills for clone and userfaultfd. usage: seccomp_kill.py

Asked any byte, it answers +.
"""
import ctypes
import os
import struct

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
KILL, ALLOW = 0x80000000, 0x7FFF0000
CLONE, USERFAULTFD = 56, 323  # x86-64


def filter_program():
    steps = [(LOAD, 0, 0, 0), (JUMP_IF_EQUAL, 1, 0, CLONE), (JUMP_IF_EQUAL, 0, 1, USERFAULTFD), (RETURN, 0, 0, KILL),
             (RETURN, 0, 0, ALLOW)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps), 8 * len(steps))
    return code, struct.pack("HxxxxxxQ", len(steps), ctypes.addressof(code))


libc = ctypes.CDLL(None, use_errno=True)
code, program = filter_program()
assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
assert libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program) == 0
os.write(1, b"READY\n")
for question in iter(lambda: os.read(0, 1), b""):
    os.write(1, b"+")
