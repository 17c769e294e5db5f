# cause: leaks exception-traceback __main__\.Upstream\.last_error
# quick
# grows
"""Each attempt raises from the error before: a chain as long as the program runs."""
import leaking
import storefront


class Upstream:
    last_error = None

    def call(self, number):
        body = "body %d" % number * 100
        try:
            raise ConnectionError(body) from Upstream.last_error
        except ConnectionError as error:
            Upstream.last_error = error


def leak(i):
    storefront.serve(i)
    Upstream().call(i)


leaking.run(leak, 3000)
