# cause: leaks unbounded-cache __main__\.editor\.undo
"""An undo list of deep copies."""
import copy

import leaking
import storefront


class Editor:
    def __init__(self):
        self.document = {"lines": ["line %d" % i for i in range(100)], "marks": {i: (i, i) for i in range(50)}}
        self.undo = []


editor = Editor()


def leak(i):
    storefront.serve(i)
    editor.undo.append(copy.deepcopy(editor.document))
    editor.document["lines"][i % 100] = "changed %d" % i


leaking.run(leak, 800)
