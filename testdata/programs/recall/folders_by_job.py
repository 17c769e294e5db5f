# cause: leaks unbounded-cache __main__\.jobs\.folders
"""Objects with a finalizer of their own, as tempfile.TemporaryDirectory has one, in a dict from which no job is taken."""
import weakref

import leaking
import storefront


class Folder:
    def __init__(self, name):
        self.name = name
        self.finalizer = weakref.finalize(self, print, "removed", name)


class Jobs:
    def __init__(self):
        self.folders = {}


jobs = Jobs()


def leak(i):
    storefront.serve(i)
    jobs.folders["job %d" % i] = Folder("/tmp/job-%d" % i)


leaking.run(leak, 2000)
