# cause: leaks closure-capture|large-object __main__\.(handler|Wrapper.*)
# quick
"""A function that is wrapped again at each reload: a chain of closures."""
import leaking
import storefront


def handler(request):
    return request


def wrap(function, options):
    def wrapper(request):
        return function(request) if options else None
    return wrapper


def leak(i):
    global handler
    storefront.serve(i)
    handler = wrap(handler, {"reload": i, "trace": "trace %d" % i * 50})


leaking.run(leak, 4000)
