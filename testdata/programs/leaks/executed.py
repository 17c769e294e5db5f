"""A program that is run by exec(), as pex, cProfile and others run one: its globals are of no module."""
PROGRAM = """
import leaking

%s
seen = {}


def leak(i):
    seen[i] = [float(i)] * 20


leaking.run(leak)
"""

if __name__ == "__main__":
    options = "\n".join("OPTION_%d = %d" % (i, i) for i in range(40))
    exec(compile(PROGRAM % options, "plugin.py", "exec"), {"__name__": "plugin"})
