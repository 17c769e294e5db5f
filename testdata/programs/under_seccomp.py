"""Runs a command that the kernel refuses some system calls, as a container's seccomp profile has it.

usage: under_seccomp.py ERRNO CALL[,CALL...] COMMAND...

The calls are numbers of x86-64. Each fails with ERRNO.
"""
import ctypes
import errno
import os
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
SECCOMP_RET_ERRNO, SECCOMP_RET_ALLOW = 0x00050000, 0x7FFF0000


def instruction(code, value, if_true=0, if_false=0):
    return struct.pack("HBBI", code, if_true, if_false, value)


def main():
    refused, calls, command = getattr(errno, sys.argv[1]), [int(n) for n in sys.argv[2].split(",")], sys.argv[3:]
    program = instruction(LOAD_WORD, 0)  # seccomp_data.nr
    for i, call in enumerate(calls):
        program += instruction(JUMP_IF_EQUAL, call, len(calls) - i, 0)
    program += instruction(RETURN, SECCOMP_RET_ALLOW) + instruction(RETURN, SECCOMP_RET_ERRNO | refused)
    code = ctypes.create_string_buffer(program, len(program))
    filter_ = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter_, 0, 0):
        sys.exit("under_seccomp: " + os.strerror(ctypes.get_errno()))
    os.execv(command[0], command)


main()
