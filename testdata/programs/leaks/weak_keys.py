"""A WeakKeyDictionary whose values refer to their own keys: no entry can ever go."""
import weakref


class Connection:
    pass


class Client:
    def __init__(self, connection):
        self.connection = connection
        self.history = [object() for _ in range(20)]


clients = weakref.WeakKeyDictionary()


def leak(i):
    connection = Connection()
    clients[connection] = Client(connection)


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
