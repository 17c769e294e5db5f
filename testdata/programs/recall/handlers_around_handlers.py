# cause: leaks closure-capture signal handlers, \[10\]
"""Each reload puts a handler of SIGUSR1 around the one before."""
import signal

import leaking
import storefront


def leak(i):
    storefront.serve(i)
    before = signal.getsignal(signal.SIGUSR1)
    settings = ["setting %d of reload %d" % (each, i) for each in range(15)]

    def reload(number, frame):
        if callable(before):
            before(number, frame)
        return settings
    signal.signal(signal.SIGUSR1, reload)


leaking.run(leak, 1500)
