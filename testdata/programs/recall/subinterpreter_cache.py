# cause: leaks unbounded-cache \[interpreter 1\] __main__\.cache
# python: 3.9
"""A plugin in an interpreter of its own, with a cache there."""
import leaking
import storefront

try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

plugin = interpreters.create()


def run(text):
    (getattr(interpreters, "run_string"))(plugin, text)


run("cache = {}")


def leak(i):
    storefront.serve(i)
    run("for i in range(%d, %d): cache[i] = {'answer': 'answer %%d' %% i * 10}" % (i * 50, i * 50 + 50))


leaking.run(leak, 100)
