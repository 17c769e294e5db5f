# cause: leaks unbounded-cache __main__\.responses
"""Answers by a key that never comes again: an id of the request is in it."""
import leaking
import storefront

responses = {}


def leak(i):
    storefront.serve(i)
    responses["GET /product?id=%d" % i] = {"status": 200, "body": "<p>product %d</p>" % i * 60}


leaking.run(leak, 3000)
