"""Interpreters beside the main one, each in a thread of its own and with a truth file of its own (FILE.1, FILE.2)."""
import os
import sys
import threading

import truth

keep = {}
BODY = r'''
import os, sys
sys.path.insert(0, %(path)r)
import collections, json, truth
class Own(object):
    def __init__(self, n):
        self.number, self.list = n, [n]
keep = [Own(i) for i in range(500)], {"k%%d" %% i: [i] for i in range(500)}, collections.OrderedDict(a=[1])
os.write(%(done)d, b"x")
os.read(%(go)d, 1)
if %(truth)r:
    truth.write_truth(%(truth)r)
os.write(%(done)d, b"x")
os.read(%(go)d, 1)
'''


def run(interpreter, body):
    failed = interpreters.run_string(interpreter, body)
    if failed:
        os.write(2, str(failed).encode())
        os._exit(1)


try:
    import _xxsubinterpreters as interpreters  # 3.8 to 3.12
except ImportError:
    try:
        import _interpreters as interpreters  # 3.13 on
    except ImportError:
        interpreters = None  # 3.7 can make none from Python

if interpreters is not None:
    truth_path = sys.argv[-1] if "--truth" in sys.argv else ""
    if sys.version_info < (3, 10):
        # Up to 3.9 the walks of the others change what they all share (opcode caches of truth.py's own code, what the
        # one collector tracks): only the main interpreter's truth stands still then.
        truth_path = ""
    wait_done, say_done = os.pipe()
    keep["ids"], starts = [], []
    for number in (1, 2):
        wait_go, say_go = os.pipe()
        starts.append(say_go)
        keep["ids"].append(interpreters.create())
        body = BODY % {"path": sys.path[0], "done": say_done, "go": wait_go, "truth": truth_path and "%s.%d" % (truth_path, number)}
        threading.Thread(target=run, args=(keep["ids"][-1], body), daemon=True).start()
        os.read(wait_done, 1)
    # All are made before the first truth: making one changes what they share (static types, to 3.11).
    for start in starts:
        os.write(start, b"x")
        os.read(wait_done, 1)

truth.hold()
