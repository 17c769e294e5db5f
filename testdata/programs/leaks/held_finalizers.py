"""Objects that clean up behind themselves when they go, and a dict that keeps them all."""
import tempfile


class Jobs:
    def __init__(self):
        self.folders = {}


jobs = Jobs()


class Folder(tempfile.TemporaryDirectory):
    """Without one in the file system."""

    def __init__(self, name):
        import weakref
        self.name = name
        self._finalizer = weakref.finalize(self, print, name)


def leak(i):
    jobs.folders["job %d" % i] = Folder("/tmp/job-%d" % i)


if __name__ == "__main__":
    import leaking
    leaking.run(leak, 800)
