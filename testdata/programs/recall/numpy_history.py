# cause: leaks unbounded-cache __main__\.model\.losses
# needs: numpy
"""A training loop that keeps each batch's arrays for a plot that nobody draws."""
import leaking
import numpy
import storefront


class Model:
    def __init__(self):
        self.losses = []


model = Model()


def leak(i):
    storefront.serve(i)
    model.losses.append({"step": i, "gradient": numpy.random.rand(2000)})


leaking.run(leak, 1500)
