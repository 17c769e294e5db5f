# cause: leaks unbounded-cache|large-object __main__\.(load|answers)(\..*)?
# needs: cachetools
"""cachetools.cached with a plain dict."""
import cachetools
import leaking
import storefront


@cachetools.cached(cache={})
def load(number):
    return {"number": number, "text": "text %d" % number * 15}


def leak(i):
    storefront.serve(i)
    load(i)


leaking.run(leak, 5000)
