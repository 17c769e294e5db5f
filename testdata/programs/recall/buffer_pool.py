# cause: leaks unbounded-cache __main__\.Pool\.free
"""A pool of bytearrays to which more are given back than are taken."""
import leaking
import storefront


class Pool:
    free = []

    def take(self):
        return bytearray(4096)

    def give_back(self, buffer):
        self.free.append(buffer)


pool = Pool()


def leak(i):
    storefront.serve(i)
    pool.give_back(pool.take())


leaking.run(leak, 2000)
