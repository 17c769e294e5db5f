# cause: leaks class-registry|runtime-classes|unbounded-cache __main__\.(render|Message).*
"""singledispatch: a class is made and registered for each message."""
import functools

import leaking
import storefront


@functools.singledispatch
def render(value):
    return ""


def leak(i):
    storefront.serve(i)
    kind = type("Message%d" % i, (), {"number": i})
    render.register(kind)(lambda value: "message")
    render(kind())


leaking.run(leak, 1500)
