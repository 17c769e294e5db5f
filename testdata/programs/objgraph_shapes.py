"""The objects that objgraph_examples.py has drawn: those of objgraph's own documentation, and one of each kind that
its labels tell apart. In a module of their own, so that the frames that draw them hold nothing of it.
"""
import collections
import functools
import sys

# Of objgraph's README: x is in a list, in a list in it, and in a dict.
x = []
y = [x, [x], dict(x=x)]


# "Memory leak example": a function's default argument keeps what nobody else wants.
class MyBigFatObject:
    pass


def computate_something(_cache={}):
    _cache[42] = dict(foo=MyBigFatObject(), bar=MyBigFatObject())


computate_something()


# "Uncollectable garbage": a cycle with a __del__.
class Nondestructible(list):
    __slots__ = []

    def __del__(self):
        pass


nondestructible = Nondestructible()
nondestructible.append([{1: nondestructible, "key": [nondestructible]}])


# A chain through attributes, with a dict asked for by somebody.
class Node:
    def __init__(self, name, **attributes):
        self.name = name
        self.__dict__.update(attributes)

    def method(self):
        return self


leaf = Node("leaf")
branch = Node("branch", leaf=leaf, leaves=[leaf], by_name={"leaf": leaf, "not an identifier": leaf})
tree = {"branches": (branch,), ("a", 1): branch, 3.5: leaf, b"bytes": leaf, None: branch}


class Slotted:
    __slots__ = ("left", "right", "unset")


slotted = Slotted()
slotted.left, slotted.right = leaf, branch


class Child(Slotted, Node):
    """With slots and a dict."""


child = Child("child", parent=branch)
child.left = leaf


class Empty(list):
    """Bound methods of it are not told to be bound: it is false."""

    def method(self):
        pass


# What functions hold.
def outer(value):
    count = [value]

    def inner(argument=leaf, *, keyword=branch) -> Node:
        "A doc string."
        return value, count, argument, keyword

    inner.attribute = leaf
    return inner


closure = outer(branch)
anonymous = lambda: leaf  # noqa: E731
partial = functools.partial(outer, leaf)
bound, falsely_bound, builtin_bound = leaf.method, Empty().method, [leaf].append


def generate(item):
    yield item
    yield [item]


generator = generate(leaf)
next(generator)


async def wait_for(item):
    await item


coroutine = wait_for(leaf)

# More holders than anybody wants to see.
popular = Node("popular")
fans = [[popular, i] for i in range(30)]
idol = [popular] * 25

# What repr() makes of builtin objects.
values = [
    None, True, False, Ellipsis, NotImplemented, 0, -1, 2**30, -(2**64), 10**50, 1.0, -0.0, 1e16, 1e15, 1e-5, 0.0001,
    1e300, float("inf"), float("nan"), 1.5e-10, 123456789.125, 2j, 1 + 2j, -0.0 - 1.5j,
    "", "plain", "it's", 'say "hi"', "both ' and \"", "line\nbreak\ttab\r", "back\\slash", "nul\0", "\x1b\x7f\x80\xa0\xad",
    "größe", "漢字", "😀", "\u2028\ufeff\ue000", "\ud800", "x" * 60, "é" * 45,
    b"", b"bytes", b"it's \x00\xff\n", bytearray(b"array"), b"z" * 50,
    (), (1,), (1, 2), [], [1, "a", [2]], {}, {"k": (1,)}, set(), {1}, frozenset(), frozenset([1]), frozenset("a"),
    range(10), range(1, 10, 2), slice(1, None, 2), type, int, Node, len, [].append, sys, sys.exit, str.join, str.__add__,
    int.real, dict.fromkeys, type.__dict__["__mro__"], Slotted.left, Node.method, leaf.method, object(), Node("plain"),
    ValueError("one"), KeyError("two", 2), OSError(), property(len), iter([]), iter({}), enumerate([]), zip(), 1 .__add__,
    collections.OrderedDict(a=1), collections.defaultdict(list, a=[1]), collections.Counter("aab"), computate_something,
    closure.__code__, closure.__closure__[0], generator, coroutine, leaf.method.__func__, classmethod.__get__,
]

try:
    raise ValueError(leaf)
except ValueError as error:
    failure = error
