"""Dicts whose keys can be no more than there are: members of an Enum, and tuples of such and of truth values.

Beside them the same with keys that have no end, and one whose keys are bounded while what lies under each grows.
"""
import enum
import http

Colour = enum.Enum("Colour", ["COLOUR_%d" % i for i in range(300)])


class Palette:
    def __init__(self):
        self.shades = {each: "shade %d of the palette " % each.value * 9 for each in Colour}


PHRASES = {each: "phrase %d " % each.value * 300 for each in http.HTTPStatus}
palette = Palette()
pairs = {(each, dark): "%s %s" % (each.name, dark) * 20 for each in Colour for dark in (False, True)}
sets = {frozenset([each]): "set of %d" % each.value * 90 for each in Colour}
by_name = {"%s-%d" % (each.name, i): "shade %d " % i * 40 for each in Colour for i in range(2)}
by_status = {each: ["request %d " % i * 3 for i in range(400)] for each in list(http.HTTPStatus)[:40]}

if __name__ == "__main__":
    import leaking
    leaking.run(by_name.get, 10)
