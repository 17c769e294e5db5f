# cause: leaks exception-traceback __main__\.failures
"""Exceptions in a list, with the frames of their tracebacks and what those had."""
import leaking
import storefront

failures = []


def parse(number):
    document = ["line %d.%d" % (number, i) for i in range(50)]
    raise ValueError(len(document))


def leak(i):
    storefront.serve(i)
    try:
        parse(i)
    except ValueError as error:
        failures.append(error)


leaking.run(leak, 1500)
