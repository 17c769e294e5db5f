"""The C types of the standard library that programs hold most: collections, functools, itertools, io and others."""
import array
import collections
import copy
import ctypes
import datetime
import decimal
import fractions
import functools
import hashlib
import io
import itertools
import json
import mmap
import operator
import pickle
import queue
import random
import re
import select
import socket
import struct
import tempfile
import threading
import time
import uuid
import zlib

import truth

keep = {}


def of_collections():
    long = collections.deque(range(1000), maxlen=2000)
    long.rotate(333)
    turned = collections.deque([[1], [2], [3]])
    turned.popleft()
    ordered = collections.OrderedDict((("k%d" % i, [i]) for i in range(20)))
    ordered.move_to_end("k3")
    del ordered["k5"]
    mixed = collections.OrderedDict([(1, []), ("a", []), ((2, 3), [])])
    nested = collections.defaultdict(lambda: collections.defaultdict(list))
    nested["a"]["b"].append(1)
    point = collections.namedtuple("Point", "x y")
    return [long, turned, collections.deque(), ordered, mixed, collections.OrderedDict(), nested,
            collections.defaultdict(None, {1: []}), collections.Counter("mississippi"), collections.ChainMap({1: 2}, nested),
            point([1], 2), collections.UserDict(a=[1]), collections.UserList([1]), collections.UserString("s"),
            iter(long), reversed(turned), iter(ordered), ordered.keys(), ordered.items(), iter(ordered.values())]


def of_functools():
    @functools.lru_cache(maxsize=16)
    def bounded(a, b=None):
        return [a]

    @functools.lru_cache(maxsize=None)
    def unbounded(a):
        return [a]

    @functools.lru_cache(maxsize=8, typed=True)
    def typed(a):
        return [a]

    @functools.lru_cache(maxsize=0)
    def never(a):
        return [a]

    @functools.singledispatch
    def general(value):
        return value
    general.register(int, lambda value: [value])
    general(1)
    for i in range(40):
        bounded(i), bounded(str(i), b=i), unbounded((i, "x")), typed(i), typed(float(i)), never(i)
    partial = functools.partial(bounded, [1].__len__, b="c")
    partial.attribute = [partial]
    return [bounded, unbounded, typed, never, general, partial, functools.partial(partial, 3), functools.partial(len),
            functools.partialmethod(len, [1]), functools.cmp_to_key(lambda a, b: 0), functools.cmp_to_key(len)([1]),
            functools.total_ordering, functools.wraps(len)(lambda: 1)]


def of_itertools():
    source = [[1], [2], [3], [4]]
    made = [itertools.count(3), itertools.count([1].__len__() + 1 << 70, 2), itertools.count(0.5, 0.25), itertools.cycle(source),
            itertools.repeat(source), itertools.repeat(source, 3), itertools.chain(source, source), itertools.chain.from_iterable([source]),
            itertools.accumulate(source, operator.add), itertools.combinations(source, 2), itertools.permutations(source, 2),
            itertools.combinations_with_replacement(source, 2), itertools.product(source, "ab"), itertools.compress(source, [1, 0, 1]),
            itertools.dropwhile(bool, source), itertools.takewhile(bool, source), itertools.filterfalse(None, source),
            itertools.groupby(source, len), itertools.islice(source, 1, 3), itertools.starmap(len, [(source,)]),
            itertools.zip_longest(source, "ab", fillvalue=[])]
    made.extend(itertools.tee(source, 3))
    for each in made:
        next(each, None)
    group = itertools.groupby(source, len)
    made.append(next(group))
    lookahead, behind = itertools.tee(iter(range(300)))
    for _ in range(200):  # more than one block of kept values between the two
        next(lookahead)
    made.extend([lookahead, behind, copy.copy(behind)])
    for name in ("pairwise", "batched"):
        if hasattr(itertools, name):
            each = getattr(itertools, name)(source, *([2] if name == "batched" else []))
            next(each)
            made.append(each)
    return made


def of_io():
    bytes_io, shared = io.BytesIO(b"0123456789" * 50), io.BytesIO(b"shared")
    bytes_io.seek(20)
    bytes_io.write(b"written")
    buffer = shared.getbuffer()
    text = io.StringIO("text\nof two lines")
    text.readline()
    accumulating = io.StringIO()
    accumulating.write("never read")
    scratch = tempfile.TemporaryFile()
    scratch.write(b"line\n" * 1000)
    scratch.flush()
    wrapped = io.TextIOWrapper(io.BufferedReader(io.FileIO(__file__)), encoding="utf-8")
    wrapped.readline()
    wrapped.mark = [wrapped]
    return [bytes_io, shared, buffer, text, accumulating, scratch, wrapped, open(__file__, "rb", buffering=0), open(__file__, "rb"),
            io.BufferedRandom(open(scratch.fileno(), "r+b", buffering=0, closefd=False)), io.BufferedRWPair(io.BytesIO(), io.BytesIO()),
            io.BytesIO(), io.IncrementalNewlineDecoder(None, True), open("/dev/null", "w")]


def of_time():
    zone = datetime.timezone(datetime.timedelta(hours=2), "two")

    class Zone(datetime.tzinfo):
        pass
    return [datetime.datetime(2020, 1, 2), datetime.datetime(2020, 1, 2, tzinfo=zone), datetime.time(1, 2, tzinfo=Zone()), datetime.date(1, 2, 3),
            datetime.timedelta(5), zone, Zone(), time.gmtime(0), time.get_clock_info("time")]


def of_numbers():
    with decimal.localcontext() as context:
        context.prec = 500
        long = decimal.Decimal(1) / 7
    called = operator.methodcaller("sort", key=None)
    called([2, 1])
    return [decimal.Decimal("1.5"), long, decimal.getcontext(), decimal.Context(prec=3), decimal.Decimal("NaN"), fractions.Fraction(1, 3),
            random.Random(7), array.array("i", range(100)), array.array("d"), array.array("b", b"xyz"), struct.Struct("<iqd"),
            uuid.UUID(int=5), operator.itemgetter(1, "a"), operator.itemgetter(2), operator.attrgetter("a.b", "c"),
            operator.methodcaller("m", 1, k=[2]), called, iter(array.array("i", [1, 2]))]


def of_text():
    pattern = re.compile(r"(?P<first>\w+)\s+(?P<second>\w+)|x{2,}")
    match = pattern.match("hello world and more")
    scanner = pattern.scanner("a b c d")
    scanner.match()
    return [pattern, match, scanner, pattern.finditer("a b c d"), re.compile(b"bytes"), json.JSONDecoder(), json.JSONEncoder(indent=2),
            json.scanner.make_scanner(json.JSONDecoder()), hashlib.sha256(b"x"), hashlib.md5(b"y"), zlib.compressobj(), zlib.decompressobj(),
            pickle.Pickler(io.BytesIO()), pickle.Unpickler(io.BytesIO())]


def of_system():
    poll = select.poll()
    poll.register(0)
    ends = socket.socketpair()
    shared = mmap.mmap(-1, 10000)
    waiting, simple = queue.Queue(), queue.SimpleQueue()
    for each in (waiting, simple):
        for i in range(20):
            each.put([i])
    simple.get()
    local = threading.local()
    local.value, local.other = [1], local
    return [poll, select.epoll(), ends, shared, waiting, simple, local, threading.Lock(), threading.RLock(), threading.Condition(),
            threading.Event(), threading.Semaphore(3), threading.Barrier(2), queue.PriorityQueue(), memoryview(shared)[5:50]]


class Pair(ctypes.Structure):
    _fields_ = [("number", ctypes.c_int), ("text", ctypes.c_char_p), ("object", ctypes.py_object)]


class Node(ctypes.Structure):
    pass


Node._fields_ = [("next", ctypes.POINTER(Node)), ("pair", Pair), ("many", ctypes.c_double * 100)]


class Either(ctypes.Union):
    _fields_ = [("whole", ctypes.c_longlong), ("parts", ctypes.c_short * 4)]


def of_ctypes():
    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda x: x)
    pair, node = Pair(1, b"kept alive", [1]), Node()
    node.next, node.pair = ctypes.pointer(Node()), pair
    libc = ctypes.CDLL(None)
    strlen = libc.strlen
    strlen.argtypes, strlen.restype, strlen.errcheck = [ctypes.c_char_p], ctypes.c_size_t, lambda *a: a[0]
    pointers = (ctypes.c_char_p * 3)(b"one", b"two", None)
    return [callback, pair, node, node.many, libc, strlen, pointers, Either(5), ctypes.pointer(pair), ctypes.c_int(5), ctypes.byref(pair),
            ctypes.create_string_buffer(300), ctypes.cast(pointers, ctypes.c_void_p), ctypes.c_wchar_p("wide"), ctypes.POINTER(Pair)(),
            ctypes.py_object([2]), ctypes.PYFUNCTYPE(ctypes.py_object)(list)]


for build in (of_collections, of_functools, of_itertools, of_io, of_time, of_numbers, of_text, of_system, of_ctypes):
    keep[build.__name__] = build()

truth.hold()
