# cause: leaks unbounded-cache __main__\.heads
# needs: pandas
"""The head of each large frame is kept, which is a view of all of it."""
import leaking
import numpy
import pandas
import storefront

heads = []


def leak(i):
    storefront.serve(i)
    frame = pandas.DataFrame(numpy.full((5000, 4), i, dtype=float), columns=list("abcd"))
    heads.append(frame.iloc[:5])


leaking.run(leak, 150)
