# cause: leaks (unbounded-cache|large-object) linecache\.cache
"""Code that is generated for each request, its lines put into linecache so that tracebacks show them."""
import linecache

import leaking
import storefront


def leak(i):
    storefront.serve(i)
    source = "def rule():\n" + "".join("    x%d = %d * %d\n" % (each, each, i) for each in range(30))
    name = "<generated %d>" % i
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    namespace = {}
    exec(compile(source, name, "exec"), namespace)


leaking.run(leak, 1000)
