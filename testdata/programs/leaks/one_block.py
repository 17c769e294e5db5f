"""A buffer that is only ever made longer: one object, and no container."""


class Picture:
    def __init__(self):
        self.pixels = bytearray(2000000)


picture = Picture()


def leak(i):
    picture.pixels.extend(bytes(10000))


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
