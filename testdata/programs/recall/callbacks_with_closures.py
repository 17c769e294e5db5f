# cause: leaks closure-capture|handlers-not-removed __main__\.on_commit
"""Functions for later, each with the whole order in its closure."""
import leaking
import storefront

on_commit = []


def place(number):
    order = {"number": number, "lines": ["product %d" % i for i in range(30)]}

    def notify():
        return order
    on_commit.append(notify)


def leak(i):
    storefront.serve(i)
    place(i)


leaking.run(leak, 3000)
