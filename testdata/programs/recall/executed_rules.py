# cause: leaks unbounded-cache|runtime-functions __main__\.rules
"""exec() of a rule's text for each request, its namespace kept."""
import leaking
import storefront

rules = {}


def leak(i):
    storefront.serve(i)
    namespace = {"limit": i}
    exec("def check(order):\n    return order > limit and order < %d\n\ndef other(order):\n    return limit\n" % (i * 2), namespace)
    rules[i] = namespace


leaking.run(leak, 1500)
