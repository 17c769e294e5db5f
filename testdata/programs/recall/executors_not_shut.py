# cause: leaks many-threads __main__\.Exporter\.pools|.*
"""A new ThreadPoolExecutor for each export, never shut down."""
import concurrent.futures

import leaking
import storefront


class Exporter:
    pools = []

    def __init__(self):
        self.pool = concurrent.futures.ThreadPoolExecutor(2)
        self.pools.append(self.pool)

    def run(self):
        return [self.pool.submit(len, "row").result() for _ in range(2)]


def leak(i):
    storefront.serve(i)
    Exporter().run()


leaking.run(leak, 60)
