# cause: leaks uncollected-garbage .*
"""gc.disable() for speed, and objects that refer to each other."""
import gc

import leaking
import storefront

gc.disable()


class Node:
    def __init__(self, parent):
        self.parent, self.children = parent, []
        self.text = "node %d" % id(self) * 10
        if parent:
            parent.children.append(self)


def leak(i):
    storefront.serve(i)
    root = Node(None)
    for each in range(5):
        Node(root)


leaking.run(leak, 3000)
