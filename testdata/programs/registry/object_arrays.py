"""numpy: objects in arrays, which no tp_traverse tells: of one and of more dimensions, views, fields, titles, and fields of fields."""
import truth

import numpy as np


class Row(object):
    def __init__(self, i):
        self.i = i


class Cell(object):
    pass


class Field(object):
    pass


class Deep(object):
    pass


class Alone(object):
    pass


flat = np.empty(3000, dtype=object)
for i in range(3000):
    flat[i] = Row(i)
view = flat[10:20]  # refers to its base alone
grid = np.empty((20, 30), dtype=object)
for i in range(20):
    for j in range(30):
        grid[i, j] = Cell()
turned = np.empty((20, 30), dtype=object, order="F")
for i in range(20):
    for j in range(30):
        turned[i, j] = Cell()
packed = np.zeros(500, dtype=np.dtype([("a", "u1"), ("any", object), ("n", "i4")]))  # at odd addresses
for i in range(500):
    packed["any"][i] = Field()
inner = np.dtype([("x", "f8"), ("pair", object, (2,))])
deep = np.zeros(100, dtype=np.dtype([(("a title", "name"), inner), ("other", object)]))
for i in range(100):
    for j in range(2):
        deep["name"]["pair"][i, j] = Deep()
    deep["other"][i] = Deep()
alone = np.array(None, dtype=object)
alone[()] = Alone()
empty = np.empty((0, 3), dtype=object)
plain = np.ones((1000, 1000))
seen = memoryview(np.ones(700000))[:10]

truth.hold()
