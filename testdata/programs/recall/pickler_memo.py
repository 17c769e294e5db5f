# cause: leaks large-object|unbounded-cache __main__\.log\.pickler.*
"""One pickle.Pickler for a whole stream: its memo keeps each object that was ever written."""
import io
import pickle

import leaking
import storefront


class Log:
    def __init__(self):
        self.file = io.BytesIO()
        self.pickler = pickle.Pickler(self.file)

    def write(self, record):
        self.pickler.dump(record)
        self.file.seek(0)
        self.file.truncate()


log = Log()


def leak(i):
    storefront.serve(i)
    log.write({"order": i, "lines": ["line %d.%d" % (i, each) for each in range(15)]})


leaking.run(leak, 4000)
