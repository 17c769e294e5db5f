"""A function is wrapped again for every request. functools.wraps leaves the one before in __wrapped__ too."""
import functools


def handle(request):
    return request


def traced(function, note):
    @functools.wraps(function)
    def wrapper(request):
        return note, function(request)
    return wrapper


def leak(i):
    global handle
    handle = traced(handle, "request %d " % i * 120)


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
