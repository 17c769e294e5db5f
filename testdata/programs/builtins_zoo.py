"""Every built-in kind of object, empty, small, grown, shrunk and referring to itself."""
import sys
import types

import truth

keep = {}


def numbers():
    return [0, 1, -5, 256, 257, -1, 2 ** 30, -2 ** 60, 10 ** 400, True, None, Ellipsis, NotImplemented, 0.0, 1e308,
            float("nan"), 1j, complex(2, -3)]


def strings():
    cached = "grüße, utf-8 asked for"
    compile("0", cached, "eval")  # asks for the file name as UTF-8, which the string then carries along
    return ["", "a", "é", "ascii", "latin ÿ" * 3, "bmp €" * 9, "astral \U0001f600", "lone \ud800", cached,
            "x" * 100000, b"", b"y", b"bytes" * 50, bytearray(), bytearray(b"grows"), bytearray(1 << 16),
            memoryview(b"view"), memoryview(bytearray(20))[3:9], sys.intern("interned " + "here")]


def grown_bytearray():
    data = bytearray(b"0123456789" * 100)
    del data[:500]  # the start moves, the block stays
    return data


def lists():
    grown = []
    for i in range(1000):
        grown.append([i])
    shrunk = list(range(5000))
    del shrunk[10:]
    itself = []
    itself.append(itself)
    return [[], [1], [None] * 3, list("abc"), grown, shrunk, itself, [itself, itself], list(range(300))]


def tuples():
    inner = []
    itself = (inner, "x")
    inner.append(itself)
    return [(), (1,), (1, "a", None), ([],), tuple(range(1000, 1400)), itself, ((((()),),),), (itself, itself)]


class Text(str):
    pass


class Same(object):
    """A key whose hash meets that of all its kind."""

    def __hash__(self):
        return 7


def dicts():
    made = [{}, {"a": 1}, {1: "one"}, {"a": [], 2: []}, {Text("sub"): []}, {(1, 2): {}}, dict.fromkeys("xyz")]
    made.append({"k%d" % i: [i] for i in range(5)})
    made.append({"k%d" % i: i for i in range(10000)})
    made.append({i: [i] for i in range(70000)})
    holes = {i: [i] for i in range(1000)}
    for i in range(0, 1000, 3):
        del holes[i]
    made.append(holes)
    names = {"n%d" % i: [] for i in range(40)}
    for i in range(0, 40, 2):
        del names["n%d" % i]
    made.append(names)
    asked = {"looked": [], "up": []}
    asked.get(5)  # up to 3.9 this makes the table a general one for good
    made.append(asked)
    itself = {}
    itself["me"] = itself
    made.append(itself)
    made.append({Same(): i for i in range(10)})
    cleared = {"a": 1, "b": [2]}
    cleared.clear()
    made.append(cleared)
    popped = {"a": [1], "b": [2], "c": [3]}
    popped.popitem()
    popped.pop("a")
    made.append(popped)
    made.append({**names, **holes})
    made.append(made[8].copy())
    made.append(globals())
    return made


def sets():
    holes = set(range(1000))
    for i in range(0, 1000, 2):
        holes.discard(i)
    meeting = {Same() for _ in range(12)}
    gone = {Same() for _ in range(4)}
    gone.pop()
    return [set(), {1}, {"a", "b"}, set(range(5)), set(range(6)), holes, meeting, gone, frozenset(), frozenset([1]),
            frozenset({frozenset([(1, "x")])}), set("abcdefghij"), {Text("t"), (1, (2, "".__len__))}]


def views_and_iterators():
    table = {"a": [1], 2: "b"}
    sequence = [1, [2], 3]
    started = iter([[1], [2]])
    next(started)
    done = iter([1])
    for _ in done:
        pass
    made = [table.keys(), table.values(), table.items(), iter(table), iter(table.values()), iter(table.items()),
            iter(sequence), reversed(sequence), iter((1, [2])), iter("ab"), iter(b"ab"), iter(bytearray(b"ab")),
            iter({1, "x"}), iter(range(9)), iter(range(1 << 70)), range(5), range(1, 1 << 70, 3), slice(1, [2], None),
            started, done, enumerate(sequence), zip(sequence, "abc"), map(str, sequence), filter(None, sequence),
            reversed((1, [2])), iter(lambda: 3, 4), iter(types.MappingProxyType(table)), types.MappingProxyType(table)]
    if sys.version_info >= (3, 8):
        made.extend([reversed(table), reversed(table.values()), reversed(table.items())])
    return made


class Sequence(object):
    def __getitem__(self, index):
        if index > 3:
            raise IndexError
        return [index]

    def __len__(self):
        return 4


def of_user_sequences():
    return [iter(Sequence()), reversed(Sequence()), enumerate(Sequence(), 1 << 80)]


def functions():
    shared = [1]

    def plain():
        return 1

    def rich(a, b=[2], *args, c={"d": 3}, **more) -> "text":
        "A docstring."
        return shared, a, b, c

    def counting():
        nonlocal shared
        shared = shared + [1]

    def annotated(x: int, y: "str" = "z") -> list:
        return [x, y]

    def empty_cell():
        return later
    rich.attribute = [rich]
    made = [plain, rich, counting, annotated, empty_cell, lambda x=(): x, rich.__closure__, empty_cell.__closure__,
            rich.__code__, len, print, [].append, str.join, str.__add__, "x".__add__, type.__dict__["__mro__"],
            object.__new__, dict.fromkeys, int.from_bytes, classmethod(plain), staticmethod(plain), property(plain, rich),
            Sequence().__getitem__, Sequence.__len__, types.MethodType(rich, shared)]
    if made is None:
        later = 1
    return made


def code():
    return [compile("a = [1, (2, 3), 'x', b'y']\ndef f(x):\n  return lambda: x\n", "<text>", "exec"),
            compile("x", "<text>", "eval"), compile("pass", "<text>", "single"), functions.__code__]


def modules():
    made = types.ModuleType("made", "its text")
    made.itself = made
    empty = types.ModuleType("empty")
    bare = types.ModuleType.__new__(types.ModuleType)  # a module that never got a dict of its own making
    return [made, empty, bare, types.SimpleNamespace(), types.SimpleNamespace(a=[1], b=2)]


class Many(object):
    def __missing__(self):
        pass


def odd_ends():
    made = [object(), type("Made", (), {}), type("Made2", (Many, ), {"x": []}), super(Many, Many()), type, object]
    try:
        made.append(__import__("weakref").ref(Many))
    except ImportError:
        pass
    if sys.version_info >= (3, 9):
        made.extend([list[int], dict[str, list[int]], tuple[()], iter([1])])
    if sys.version_info >= (3, 10):
        made.extend([int | str, int | None])
    return made


for build in (numbers, strings, grown_bytearray, lists, tuples, dicts, sets, views_and_iterators, of_user_sequences,
              functions, code, modules, odd_ends):
    keep[build.__name__] = build()

truth.hold()
