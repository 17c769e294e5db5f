# cause: leaks unbounded-cache __main__\.translate\.__kwdefaults__\['cache'\]
"""A dict as the default of an argument that is given by name only."""
import leaking
import storefront


def translate(text, *, cache={}):
    if text not in cache:
        cache[text] = text.upper() * 8
    return cache[text]


def leak(i):
    storefront.serve(i)
    translate("the customer number %d has ordered" % i)


leaking.run(leak, 6000)
