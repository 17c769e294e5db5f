"""Tests that leak, one way each. Every one of them has to fail, and for its leak."""
import atexit
import collections
import contextlib
import ctypes
import functools
import itertools
import logging
import mmap
import sqlite3
import weakref
import zlib

import pytest

pytestmark = pytest.mark.heap_growth
number = itertools.count(1000)
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
python = ctypes.pythonapi
python.PyMem_Malloc.restype = ctypes.c_void_p
python.PyMem_Malloc.argtypes = [ctypes.c_size_t]


class Session:
    def on_event(self):
        pass


class Registry:
    entries = []

    def __init__(self):
        self.sessions = {}
        self.handlers = []

    @functools.lru_cache(maxsize=None)
    def load(self, key):
        return [key]


sessions, nothings, kept, classes, loggers = [], [], [], [], []
seen, cache = set(), {}
registry = Registry()
queue = collections.deque()
text = bytearray()
number_of_logs = itertools.count()


def test_list_of_objects():
    sessions.append(Session())


def test_list_of_nothing():
    nothings.append(None)


def test_dict_never_emptied():
    cache["user:%d" % next(number)] = Session()


def test_set_of_numbers():
    seen.add(next(number))


def test_attribute_of_class():
    Registry.entries.append({"a": 1})


def test_attribute_of_instance():
    registry.sessions[next(number)] = "session %d" % next(number)


def test_bound_methods():
    registry.handlers.append(Session().on_event)


def remember(value, values=[]):  # noqa: B006
    values.append(value)


def test_default_argument():
    remember("value %d" % next(number))


def test_cached_method():
    registry.load(next(number))


def test_deque():
    queue.append((next(number), "job"))


def test_bytes_in_one_object():
    text.extend(b"x" * 200)


def counted():
    yield from range(10)


def test_generators_not_finished():
    generator = counted()
    next(generator)
    kept.append(generator)


def test_exceptions_with_tracebacks():
    try:
        raise ValueError(next(number))
    except ValueError as error:
        kept.append(error)


def test_exit_handlers():
    atexit.register(Session().on_event)


def test_finalizers():
    weakref.finalize(Registry, len, "gone %d" % next(number))


def test_classes_made():
    classes.append(type("Made%d" % next(number), (Session,), {}))


def test_loggers():
    logging.getLogger("planted.%d" % next(number))


def test_partials_in_closure():
    stored = test_partials_in_closure.__dict__.setdefault("stored", [])
    stored.append(functools.partial(print, next(number)))


def test_exit_stack():
    stack.enter_context(contextlib.nullcontext())


stack = contextlib.ExitStack()


def test_c_lost_reference_to_a_list():
    python.Py_IncRef(ctypes.py_object([next(number)]))


def test_c_lost_reference_to_an_object():
    python.Py_IncRef(ctypes.py_object(Session()))


def test_c_lost_reference_to_bytes():
    python.Py_IncRef(ctypes.py_object(b"%d" % next(number) * 20))


def test_c_malloc():
    assert libc.malloc(200)


def test_c_python_malloc():
    assert python.PyMem_Malloc(64)


def test_c_malloc_of_a_large_block():
    ctypes.memset(libc.malloc(600_000), 1, 600_000)


blocks = itertools.count(1)


def test_c_malloc_of_a_block_that_is_no_longer_large():
    ctypes.memset(libc.malloc(600_000), 1, 600_000)
    if next(blocks) == 15:  # malloc puts what is smaller than this into its arena from here on
        libc.free(libc.malloc(4_000_000))


def test_c_state_of_zlib():
    kept.append(zlib.compressobj())


@pytest.mark.heap_growth(confirm=20)
def test_c_database_connections():
    kept.append(sqlite3.connect(":memory:"))


def test_c_mapped_memory():
    kept.append(mmap.mmap(-1, 4096))
