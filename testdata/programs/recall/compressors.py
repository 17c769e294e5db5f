# cause: leaks unbounded-cache __main__\.Stream\.open_streams
# quick
"""zlib compressors of connections that ended: 256 kB each, outside of Python's objects."""
import zlib

import leaking
import storefront


class Stream:
    open_streams = {}

    def __init__(self, number):
        self.open_streams[number] = self
        self.compressor = zlib.compressobj()
        self.compressor.compress(b"header %d" % number)


def leak(i):
    storefront.serve(i)
    Stream(i)


leaking.run(leak, 200)
