# cause: leaks unbounded-cache __main__\.Reports\.frames
# needs: pandas
"""Data frames by customer in a class, one a request."""
import leaking
import pandas
import storefront


class Reports:
    frames = {}


def leak(i):
    storefront.serve(i)
    Reports.frames["customer %d" % i] = pandas.DataFrame({"order": range(500), "price": [each * 1.5 for each in range(500)]})


leaking.run(leak, 400)
