"""A list that is an attribute of a class, shared by all instances."""


class Request:
    log = []

    def __init__(self, number):
        self.log.append({"number": number, "body": "body %d " % number * 20})


def leak(i):
    Request(i)


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
