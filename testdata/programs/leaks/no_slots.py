"""Very many small instances with a dict each."""


class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y


points = []


def leak(i):
    for each in range(10):
        point = Point(float(i), float(each))
        point.__dict__  # as vars(), copy and pickle do: makes a real dict of it, from 3.11 on
        points.append(point)


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
