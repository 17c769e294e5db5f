# cause: leaks large-object __main__\.Console\.output(\..*)?
# quick
"""All that was ever printed, in one io.StringIO."""
import io

import leaking
import storefront


class Console:
    output = io.StringIO()


def leak(i):
    storefront.serve(i)
    Console.output.write("request %d is done\n" % i * 20)


leaking.run(leak, 6000)
