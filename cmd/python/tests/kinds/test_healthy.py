"""Tests that do not leak, though each of them leaves something behind at first. None of them may be flagged."""
import asyncio
import collections
import contextlib
import dataclasses
import functools
import itertools
import json
import logging
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import threading
import unittest.mock
import warnings
import weakref

import pytest

pytestmark = pytest.mark.heap_growth
number = itertools.count(1000)
settings, recent, least_recent = {}, collections.deque(maxlen=100), collections.OrderedDict()
watched = weakref.WeakValueDictionary()


class Session:
    def __init__(self):
        self.itself = self


class Settings:
    limit = 10


def test_cache_that_fills_once():
    if not settings:
        settings.update({"key %d" % each: [each] for each in range(1000)})
    assert settings["key 7"] == [7]


def test_import_when_needed():
    import xml.etree.ElementTree

    assert xml.etree.ElementTree.fromstring("<a/>").tag == "a"


def test_logging(caplog):
    with caplog.at_level(logging.INFO):
        logging.getLogger("healthy").info("line %d", next(number))
    assert len(caplog.records) == 1


def test_logging_of_warnings():
    logging.getLogger("healthy").warning("line %d", next(number))


def test_interned_strings():
    assert sys.intern("".join(["inter", "ned"])) is sys.intern("".join(["inter", "ned"]))


@functools.lru_cache(maxsize=64)
def squared(value):
    return [value * value]


def test_lru_cache_with_a_bound():
    assert squared(next(number))


def test_regular_expressions():
    assert re.compile("a{%d}" % (next(number) % 7 + 1)).match("a" * 10)


def test_local_objects():
    assert len([Session.__new__(Session) for _ in range(1000)]) == 1000


def test_cycles():
    for _ in range(10):
        Session()


def test_json():
    assert json.loads(json.dumps({"a": [next(number)] * 10}))


def test_exceptions():
    with pytest.raises(ValueError, match="10"):
        raise ValueError(next(number) + 100_000)


def test_warnings():
    warnings.warn("warning %d" % next(number), DeprecationWarning, stacklevel=1)


def test_warnings_that_are_expected():
    with pytest.warns(UserWarning):
        warnings.warn("warning %d" % next(number), stacklevel=1)


def test_warnings_recorded(recwarn):
    warnings.warn("this one", stacklevel=1)
    assert len(recwarn) == 1


def test_print(capsys):
    print("line", next(number))
    assert capsys.readouterr().out.startswith("line")


def test_print_without_looking():
    print("a line of some length, that is printed each time", next(number))


def test_monkeypatch(monkeypatch):
    monkeypatch.setattr(Settings, "limit", next(number))
    monkeypatch.setenv("HEALTHY", "yes")  # the C library keeps every text that was ever set
    assert os.environ["HEALTHY"]


def test_mock():
    with unittest.mock.patch.object(Settings, "limit", next(number)):
        unittest.mock.Mock().method(next(number))


@pytest.mark.heap_growth(confirm=50)
def test_threads():
    thread = threading.Thread(target=Session)
    thread.start()
    thread.join()


@pytest.mark.heap_growth(confirm=50)
def test_asyncio():
    async def work():
        await asyncio.gather(asyncio.sleep(0), asyncio.sleep(0))

    asyncio.run(work())


@pytest.mark.heap_growth(repeats=5)
def test_files(tmp_path):
    (tmp_path / "file").write_text("text %d" % next(number))
    with tempfile.TemporaryFile() as file:
        file.write(b"x" * 1000)


@pytest.mark.heap_growth(repeats=5, warmup=2, confirm=5)
def test_child_process():
    assert subprocess.run(["true"], stdout=subprocess.PIPE, check=True).stdout == b""


def test_classes_made_and_dropped():
    @dataclasses.dataclass
    class Point:
        x: int

    assert collections.namedtuple("Pair", "a b")(1, 2).a == Point(1).x


def test_deque_with_a_bound():
    recent.append({"request": next(number)})


def test_oldest_thrown_out():
    least_recent[next(number)] = Session
    while len(least_recent) > 50:
        least_recent.popitem(last=False)


def test_weak_values():
    session = watched[next(number)] = Settings()
    assert session


def test_database():
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE t (a)")
        database.execute("INSERT INTO t VALUES (?)", (next(number),))


@pytest.mark.heap_growth(max_objects=0, max_bytes=0)
def test_nothing_may_stay():
    assert sorted(str(each) for each in range(100))
