# cause: leaks unbounded-cache __main__\.sensor\.chunks
"""array.array chunks of samples in a list."""
import array

import leaking
import storefront


class Sensor:
    def __init__(self):
        self.chunks = []


sensor = Sensor()


def leak(i):
    storefront.serve(i)
    sensor.chunks.append(array.array("d", [i] * 500))


leaking.run(leak, 1500)
