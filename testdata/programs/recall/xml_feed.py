# cause: leaks large-object|unbounded-cache|growing-object __main__\.feed\.root.*
"""A document that is read as it comes: the root keeps all children, since none is cleared."""
import xml.etree.ElementTree as tree

import leaking
import storefront


class Feed:
    def __init__(self):
        self.parser = tree.XMLPullParser(["start", "end"])
        self.parser.feed("<feed>")
        self.root = next(iter(self.parser.read_events()))[1]

    def entry(self, number):
        self.parser.feed("<entry id='%d'><title>product %d</title><price>%d</price></entry>" % (number, number, number))
        for event, element in self.parser.read_events():
            pass


feed = Feed()


def leak(i):
    storefront.serve(i)
    feed.entry(i)


leaking.run(leak, 8000)
