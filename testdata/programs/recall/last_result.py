# cause: leaks large-object|unbounded-cache builtins\._
"""The result of the last expression at an interactive prompt."""
import code

import leaking
import storefront

console = code.InteractiveConsole({})


def leak(i):
    storefront.serve(i)
    import builtins
    builtins._ = [["cell %d.%d" % (row, column) for column in range(10)] for row in range(5000)]


leaking.run(leak, 1)
