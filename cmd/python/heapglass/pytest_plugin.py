"""A pytest plugin: a test fails where the heap grows each time it runs.

    @pytest.mark.heap_growth                      # no type may grow with each of 10 repeats
    def test_login(): ...

    @pytest.mark.heap_growth(types="app.Session", max_objects=0)
    def test_logout(): ...

    def test_parse(heap_growth):
        heap_growth(lambda: parse("1 + 1"), repeats=50)

See docs/python.md for what is looked at and how.
"""
from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import sys
import warnings
from typing import Any, Callable, Dict, Generator, Iterator, List, Optional, Tuple

import pytest

from ._repeat import Limits, Watch
from .errors import HeapglassError, ProgramNotFound, TargetError

_MARK = "heap_growth"
_HELP = ("heap_growth(max_objects=None, max_bytes=None, types=(), repeats=10, warmup=3, confirm=1000): the test fails where the heap "
         "of this process, read from outside by heapglass, grows with each repeat")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("heap_growth_refused", "what becomes of a heap_growth test when heapglass may not read this process, or is not "
                  "there: fail or skip", default="fail")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _HELP)
    if config.getini("heap_growth_refused") not in ("fail", "skip"):
        raise pytest.UsageError("heap_growth_refused is fail or skip, not %r" % config.getini("heap_growth_refused"))


def _records_of(handler: Any) -> Optional[List[Any]]:
    records = getattr(handler, "records", None)
    return records if isinstance(records, list) and isinstance(getattr(handler, "stream", None), io.StringIO) else None


def _captured() -> Iterator[Tuple[Any, Any]]:
    """What pytest captures in memory (--capture=sys): the streams, and the buffers behind them."""
    for stream in (sys.stdout, sys.stderr):
        buffer = getattr(stream, "buffer", None)
        if isinstance(buffer, io.BytesIO):
            yield stream, buffer


@contextlib.contextmanager
def _as_if_first(item: pytest.Item) -> Iterator[None]:
    """One more run of the test that leaves nothing in pytest: log records, warnings, output, patches."""
    funcargs: Dict[str, Any] = getattr(item, "funcargs", {})
    handlers: List[Any] = [each for each in logging.getLogger().handlers if _records_of(each) is not None]
    logs = [(each, each.records, each.records[:], each.stream.tell()) for each in handlers]
    for _, records, _, _ in logs:
        del records[:]
    output = [(stream, buffer, (stream.flush(), buffer.tell())[1]) for stream, buffer in _captured()]
    patch, recorded = funcargs.get("monkeypatch"), funcargs.get("recwarn")
    names = [name for name in ("_setattr", "_setitem", "_cwd", "_savesyspath") if hasattr(patch, name)]
    kept = {name: getattr(patch, name) for name in names}
    for name in names:
        setattr(patch, name, [] if isinstance(kept[name], list) else None)
    if recorded is not None:
        recorded.clear()
    try:
        # This also makes a warning that was given once be given again.
        with warnings.catch_warnings(record=recorded is None):
            yield
    finally:
        if names:
            patch.undo()  # type: ignore[union-attr]
            for name in names:
                setattr(patch, name, kept[name])
        for stream, buffer, end in output:
            stream.flush()
            buffer.seek(end)
            buffer.truncate()
        for handler, records, before, end in logs:
            records[:] = before
            handler.stream.seek(end)
            handler.stream.truncate()


def _refused(item: pytest.Item, error: HeapglassError) -> None:
    text = "heapglass cannot look at this test's process, so it is not known whether the heap grows: %s" % error
    if isinstance(error, TargetError):
        text += ("\nA child of the process (%d) reads it, which takes the same user, or CAP_SYS_PTRACE; the plugin allows it for Yama's "
                 "ptrace_scope 1, not for 2 and 3. In a container: docker run --cap-add SYS_PTRACE." % os.getpid())
    if isinstance(error, (TargetError, ProgramNotFound)):
        if item.config.getini("heap_growth_refused") == "skip":
            pytest.skip(text)
        text += "\nWith heap_growth_refused = skip in pytest's ini file such tests are skipped."
    pytest.fail(text, pytrace=False)


def _check(item: pytest.Item, call: Callable[[], Any], limits: Limits) -> None:
    """Looks at `call`, which ran once already, and fails the test where it leaks."""
    def again() -> None:
        with _as_if_first(item):
            call()

    def keep() -> str:
        factory = item.config._tmp_path_factory  # type: ignore[attr-defined]
        folder = factory.mktemp("heap_growth", numbered=True)
        return str(folder / (re.sub(r"[^\w.-]+", "_", item.name)[:80] + ".hg"))

    finding = None
    try:
        finding = Watch(again, limits).find(keep)
    except HeapglassError as error:
        _refused(item, error)
    if finding is not None:
        item.user_properties.append(("heapglass_snapshot", finding.snapshot))
        pytest.fail(finding.text(limits), pytrace=False)


def _limits(*arguments: Any, **options: Any) -> Limits:
    try:
        return Limits(*arguments, **options)
    except (TypeError, ValueError) as error:
        pytest.fail("%s; it is %s" % (error, _HELP.partition(": ")[0]), pytrace=False)
        raise AssertionError from error


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker(_MARK) is None:
        return
    # unittest calls its methods itself, so that the mark would be without effect.
    if not isinstance(item, pytest.Function) or getattr(item, "_testcase", None) is not None or _is_unittest(item):
        pytest.fail("the mark heap_growth is for test functions and methods of plain classes; in a unittest.TestCase, take the "
                    "function that is to be looked at into a test function of its own", pytrace=False)


def _is_unittest(item: pytest.Item) -> bool:
    import unittest

    cls = getattr(item, "cls", None)
    return isinstance(cls, type) and issubclass(cls, unittest.TestCase)


_under_way: "set[int]" = set()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    result = yield
    marker = pyfuncitem.get_closest_marker(_MARK)
    if marker is None or id(pyfuncitem) in _under_way:
        return result
    limits = _limits(*marker.args, **marker.kwargs)
    # Through the hook, so that what other plugins do around a test (an event loop) is done each time.
    _under_way.add(id(pyfuncitem))
    try:
        _check(pyfuncitem, lambda: pyfuncitem.ihook.pytest_pyfunc_call(pyfuncitem=pyfuncitem), limits)
    finally:
        _under_way.discard(id(pyfuncitem))
    return result


@pytest.fixture
def heap_growth(request: pytest.FixtureRequest) -> Callable[..., None]:
    """A function that fails the test where `call` leaks: heap_growth(call, max_objects=, max_bytes=, types=, repeats=)."""
    def check(call: Callable[[], Any], **options: Any) -> None:
        limits = _limits(**options)
        call()
        _check(request.node, call, limits)

    return check
