"""Interpreters beside the main one, each with its own modules and objects, and a truth file each (FILE.1, FILE.2)."""
import sys

import truth

keep = {}
BODY = r'''
import sys
sys.path.insert(0, %(path)r)
import collections, json
class Own(object):
    def __init__(self, n):
        self.number, self.list = n, [n]
keep = [Own(i) for i in range(500)], {"k%%d" %% i: [i] for i in range(500)}, collections.OrderedDict(a=[1])
import truth
if %(truth)r:
    truth.write_truth(%(truth)r)
'''

try:
    import _xxsubinterpreters as interpreters  # 3.8 to 3.12
except ImportError:
    try:
        import _interpreters as interpreters  # 3.13 on
    except ImportError:
        interpreters = None  # 3.7 can make none from Python

if interpreters is not None:
    path = sys.argv[-1] if "--truth" in sys.argv else ""
    keep["ids"] = []
    for number in (1, 2):
        made = interpreters.create()
        failed = interpreters.run_string(made, BODY % {"path": sys.path[0], "truth": path and "%s.%d" % (path, number)})
        if failed:
            sys.exit(str(failed))
        keep["ids"].append(made)

truth.hold()
