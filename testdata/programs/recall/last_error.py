# cause: leaks exception-traceback sys\.last_(value|exc|traceback|type)
# quick
"""What the last error at the prompt leaves in sys: a frame with all the data."""
import sys
import traceback

import leaking
import storefront


def analyse():
    table = [["cell %d.%d" % (row, column) for column in range(20)] for row in range(3000)]
    return table[5000]


def leak(i):
    storefront.serve(i)
    try:
        analyse()
    except IndexError:
        sys.last_type, sys.last_value, sys.last_traceback = sys.exc_info()
        traceback.format_exc()


leaking.run(leak, 2)
