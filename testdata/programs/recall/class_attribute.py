# cause: leaks unbounded-cache __main__\.Base\.(errors|instances)
"""A list of a base class that all derived ones share."""
import leaking
import storefront


class Base:
    errors = []

    def fail(self, number):
        self.errors.append("error %d of %s: %s" % (number, type(self).__name__, "x" * 300))


class Payment(Base):
    pass


class Delivery(Base):
    pass


def leak(i):
    storefront.serve(i)
    (Payment() if i % 2 else Delivery()).fail(i)


leaking.run(leak, 5000)
