"""IPython: a shell that has run cells, with history, completions, magics, tracebacks and its display machinery."""
import os
import sys
import tempfile

import truth

os.environ["IPYTHONDIR"] = tempfile.mkdtemp(prefix="ipython-")

from IPython.core.interactiveshell import InteractiveShell  # noqa: E402: it looks for its folder when imported
from traitlets.config import Config  # noqa: E402

config = Config()
config.HistoryManager.enabled = False  # its thread would write while the truth is told
config.InteractiveShell.colors = "NoColor"
shell = InteractiveShell.instance(config=config)

CELLS = ["import math, collections", "x = [math.sqrt(i) for i in range(100)]", "len(x)", "class A:\n    def __init__(self):\n        self.me = self\na = A()",
         "a", "_, __", "def f(n):\n    return f(n - 1) if n else 1 / 0", "f(5)", "this is no python", "%precision 3", "x[5]", "collections.Counter('abracadabra')",
         "%who_ls", "y = !echo from a shell", "y", "from IPython.display import HTML, Markdown; HTML('<b>bold</b>')", "%%capture out\nprint('captured')", "out.stdout",
         "async def g():\n    return 5\nawait g()", "gen = (i for i in x); next(gen)", "%timeit -n 1 -r 1 len(x)"]
stdout, sys.stdout = sys.stdout, open(os.devnull, "w")
stderr, sys.stderr = sys.stderr, sys.stdout
results = [shell.run_cell(cell, store_history=True) for cell in CELLS]
completions = shell.complete("x.app"), shell.complete("math.s"), shell.object_inspect("a")
sys.stdout, sys.stderr = stdout, stderr
assert results[2].result == 100 and not results[7].success and results[18].result == 5, results

truth.hold()
