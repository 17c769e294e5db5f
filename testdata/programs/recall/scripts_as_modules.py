# cause: leaks global-growth sys\.modules
"""Scripts of customers, each a module of sys.modules that is called by the hash of its text."""
import hashlib
import sys
import types

import leaking
import storefront


def leak(i):
    storefront.serve(i)
    text = "def discount(price):\n    return price * 0.%d\nRATES = [%d + rate for rate in range(60)]\n" % (i + 1, i)
    module = types.ModuleType("script_" + hashlib.sha1(text.encode()).hexdigest())
    exec(text, module.__dict__)
    sys.modules[module.__name__] = module


leaking.run(leak, 400)
