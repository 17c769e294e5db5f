"""Objects whose tp_traverse asks the system for something, each class for another thing, and objects that are honest.

usage: escapes.py LIBRARY FOLDER VICTIM [really]

What is asked for would harm the files in FOLDER or the process VICTIM; `really` asks at once, in this process, so that it
can be seen that it does. Prints READY, the address of the object that honest ones visit and the number of classes, and
waits until standard input ends. Release builds only: it knows where tp_traverse is. x86-64 Linux.
"""
import ctypes
import gc
import os
import sys

gc.disable()  # nobody but heapglass shall call them

TP_TRAVERSE = 23 * ctypes.sizeof(ctypes.c_void_p)
library = ctypes.CDLL(sys.argv[1])
folder, victim = sys.argv[2], int(sys.argv[3])
kept = []


def text(path):
    kept.append(ctypes.create_string_buffer(os.fsencode(os.path.join(folder, path))))
    return ctypes.addressof(kept[-1])


def words(*numbers):
    kept.append((ctypes.c_uint64 * len(numbers))(*numbers))
    return ctypes.addressof(kept[-1])


program, theirs, made = text("program"), text("other-folder/theirs"), text("other-folder/made")
descriptor = os.open(os.path.join(folder, "program"), os.O_RDONLY)
NOW_DIR, WRITE, CREATE, KILL = -100, 1, 0o100, 9
CALLS = {
    "fchmod": (91, descriptor, 0o4755),
    "fchmodat": (268, NOW_DIR, program, 0o4711),
    "chmod": (90, program, 0o4777),
    "fchown": (93, descriptor, 1, 1),
    "chown": (92, program, 2, 2),
    "open_to_make": (2, made, WRITE | CREATE, 0o600),
    "truncate": (76, theirs, 1),
    "mkdirat": (258, NOW_DIR, text("other-folder/folder"), 0o700),
    "mknodat": (259, NOW_DIR, text("other-folder/pipe"), 0o10600, 0),
    "link": (86, theirs, text("other-folder/link")),
    "rename": (82, text("output-folder/mine"), text("other-folder/renamed")),
    "unlink": (87, theirs),
    "prlimit64": (302, victim, 7, words(16, 16), 0),
    "setpriority": (141, 0, victim, 19),
    "sched_setscheduler": (144, victim, 5, words(0)),
    "sched_setaffinity": (203, victim, 8, words(1)),
    "ptrace": (101, 0x4206, victim, 0, 0),
    "process_vm_writev": (311, victim, words(program, 1), 1, words(program, 1), 1, 0),
    "pidfd_open": (434, victim, 0),
    "rt_sigqueueinfo": (129, victim, 0, 0),
    "tgkill": (234, victim, victim, KILL),
    "kill": (62, victim, KILL),
    "kill_the_parent": (62, os.getpid(), 0),
    "socket": (41, 2, 1, 0),
    "unshare": (272, 0x10000000),
    "clone": (56, 17, 0, 0, 0, 0),
    "vfork": (58,),
    "execve": (59, text("program"), words(0), words(0)),
    "io_uring_setup": (425, 1, words(*[0] * 16)),
    "bpf": (321, 0, words(*[0] * 16), 128),
    "perf_event_open": (298, words(*[0] * 16), victim, -1, -1, 0),
    "keyctl": (250, 0, -3, 1),
    "userfaultfd": (323, 0),
    "seccomp": (317, 1, 8, 0),
    "setresuid": (117, 0, 0, 0),
    "capset": (126, words(0x20080522), words(-1 & (2 ** 64 - 1), 0, 0)),
    "prctl": (157, 4, 1, 0, 0, 0),
    "memfd_create": (319, program, 0),
}
REALLY = tuple(CALLS)[:tuple(CALLS).index("process_vm_writev")] + ("kill",)

if sys.argv[4:] == ["really"]:
    for name in REALLY:
        # A traced process would not end.
        arguments = [ctypes.c_long(number) for number in CALLS[name]]
        print(name, ctypes.CDLL(None).syscall(*arguments), flush=True)
    os._exit(0)

referent = [object()]
ctypes.c_void_p.in_dll(library, "referent").value = id(referent)
rows, classes, objects = [], [], []
for name, call in CALLS.items():
    for function in (name, "honest"):
        cls = type(function if function == "honest" else "asks_for_" + name, (), {})
        classes.append(cls)
        objects.extend(cls() for _ in range(2))
        code = "honest" if function == "honest" else "asks_the_system"
        traverse = ctypes.cast(getattr(library, code), ctypes.c_void_p).value
        ctypes.c_void_p.from_address(id(cls) + TP_TRAVERSE).value = traverse
        if function != "honest":
            rows.extend([id(cls), *(number & (2 ** 64 - 1) for number in call), *[0] * (7 - len(call))])
table = (ctypes.c_uint64 * (len(rows) + 8))(*rows)
ctypes.c_void_p.in_dll(library, "asked").value = ctypes.addressof(table)

print("READY", id(referent), len(CALLS), flush=True)
sys.stdin.read()
os._exit(0)
