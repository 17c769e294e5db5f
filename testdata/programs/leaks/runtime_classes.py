"""A class statement inside a function, whose classes are kept."""

shapes = []


def leak(i):
    class Row:
        number = i

        def total(self):
            return self.number
    shapes.append(Row())


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
