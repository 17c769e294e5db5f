# cause: leaks unbounded-cache __main__\.price_of\.<closure>\.(memory|results)
"""A home-made decorator with a dict that only its wrapper knows."""
import leaking
import storefront


def memoize(function):
    results = {}

    def wrapper(*arguments):
        if arguments not in results:
            results[arguments] = function(*arguments)
        return results[arguments]
    return wrapper


@memoize
def price_of(product, customer):
    return {"product": product, "customer": customer, "net": product * 1.2, "note": "price for %s" % customer}


def leak(i):
    storefront.serve(i)
    price_of(i, "customer %d" % i)


leaking.run(leak, 8000)
