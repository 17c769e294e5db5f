# cause: leaks unfinished-generator __main__\.exports
"""Generators that were begun and never run to their end, each with its rows."""
import leaking
import storefront

exports = {}


def export(number):
    rows = ["row %d.%d" % (number, i) for i in range(30)]
    for row in rows:
        yield row


def leak(i):
    storefront.serve(i)
    exports[i] = export(i)
    next(exports[i])


leaking.run(leak, 2000)
