# cause: leaks global-growth sys\.modules
# quick
"""Modules that are loaded under a new name each time."""
import sys
import types

import leaking
import storefront


def leak(i):
    storefront.serve(i)
    module = types.ModuleType("plugin_%d" % i)
    exec("import math\ntable = [str(%d + each) for each in range(100)]\ndef run():\n    return table\n" % i, module.__dict__)
    sys.modules[module.__name__] = module


leaking.run(leak, 500)
