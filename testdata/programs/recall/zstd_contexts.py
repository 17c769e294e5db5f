# cause: leaks unbounded-cache __main__\.compressors
# needs: zstandard
"""A zstandard compressor for each connection: its context is C's."""
import leaking
import storefront
import zstandard

compressors = []


def leak(i):
    storefront.serve(i)
    compressor = zstandard.ZstdCompressor(level=3)
    compressor.compress(b"request %d " % i * 100)
    compressors.append(compressor)


leaking.run(leak, 60)
