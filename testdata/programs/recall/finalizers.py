# cause: leaks (weakref-callbacks|pending-finalizers) (weakref\.finalize|atexit\.state\.func\.__self__)\._registry
# quick
"""weakref.finalize whose argument is the object that it waits for: it never goes."""
import weakref

import leaking
import storefront


class Upload:
    def __init__(self, number):
        self.body = b"%d" % number * 300
        weakref.finalize(self, Upload.remove, self)

    def remove(self):
        pass


def leak(i):
    storefront.serve(i)
    Upload(i)


leaking.run(leak, 3000)
