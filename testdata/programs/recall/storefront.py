"""The application that the programs of this folder are: healthy state that no answer should accuse before the one leak.
Routes, settings, texts, countries, a bounded cache, a pool of connections, some sessions that come and go.
"""
import collections
import threading


class Settings:
    debug = False
    currencies = {"currency %d" % i: 1 + i / 7 for i in range(150)}


class Product:
    def __init__(self, number):
        self.number = number
        self.title = "product %d" % number
        self.price = number * 1.5


class Connection:
    def __init__(self, number):
        self.number = number
        self.buffer = bytearray(8192)
        self.lock = threading.Lock()


class PageCache(collections.OrderedDict):
    """Bounded: the oldest go."""

    def __init__(self, capacity):
        super().__init__()
        self.capacity = capacity

    def remember(self, key, value):
        self[key] = value
        while len(self) > self.capacity:
            self.popitem(last=False)


def index():
    return "index"


def show_product(number):
    return catalogue[number].title


routes = {"/": index, "/product": show_product}
texts = {"text.%d" % i: "This is what text %d says in the shop" % i for i in range(1500)}
catalogue = {i: Product(i) for i in range(500)}
connections = [Connection(i) for i in range(10)]
pages = PageCache(200)
recent = collections.deque(maxlen=100)


def serve(number):
    """An ordinary request."""
    recent.append("request %d" % number)
    pages.remember(number % 300, "<html>%s</html>" % show_product(number % 500))
