# cause: leaks unbounded-cache __main__\.samples
# needs: numpy
"""Ten numbers of each image are kept: a view keeps the whole array."""
import leaking
import numpy
import storefront

samples = []


def leak(i):
    storefront.serve(i)
    image = numpy.full((200, 200), i, dtype=numpy.float64)
    samples.append(image[0, :10])


leaking.run(leak, 200)
