"""numpy: an array of objects that is made anew with one row more each time."""
import numpy as np


class Table:
    def __init__(self):
        self.rows = np.empty(0, dtype=object)


table = Table()


def leak(i):
    table.rows = np.append(table.rows, [{"row": i, "text": "text of row %d" % i * 5}])


if __name__ == "__main__":
    import leaking
    leaking.run(leak, 1000)
