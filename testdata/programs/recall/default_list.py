# cause: leaks unbounded-cache __main__\.log_order\.__defaults__\[0\]
"""A list as the default value of an argument."""
import leaking
import storefront


def log_order(number, seen=[]):
    seen.append({"number": number, "text": "order %d" % number * 10})
    return len(seen)


def leak(i):
    storefront.serve(i)
    log_order(i)


leaking.run(leak, 5000)
