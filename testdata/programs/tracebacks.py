"""Exceptions of all kinds with tracebacks, the frames these hold, contexts, causes, notes and groups."""
import sys
import traceback

import truth

keep = {}


def fail(depth, local):
    mine = [depth, local]
    if depth:
        return fail(depth - 1, mine)
    raise ValueError("at the bottom", mine)


def caught(depth):
    try:
        fail(depth, "outermost")
    except ValueError as error:
        return error


def chained():
    try:
        try:
            fail(2, [1])
        except ValueError:
            {}["missing"]
    except KeyError as error:
        return error


def caused():
    try:
        raise RuntimeError("on purpose") from caught(1)
    except RuntimeError as error:
        return error


def holding_its_frame():
    try:
        fail(1, [2])
    except ValueError as error:
        itself = error  # a cycle: error -> traceback -> frame -> error
        return sys.exc_info() + (itself,)


def of_the_system():
    made = []
    for act in (lambda: open("/nonexistent/file"), lambda: b"\xff".decode("utf-8"), lambda: "\ud800".encode("utf-8"), lambda: int("x"),
                lambda: __import__("no_such_module"), lambda: compile("1 +", "<text>", "exec"), lambda: [].missing, lambda: unknown,
                lambda: next(iter(())), lambda: sys.exit([5]), lambda: 1 / 0, lambda: "x".encode("no such codec"),
                lambda: "a".encode("ascii").decode("idna", "x" * 10)):
        try:
            act()
        except BaseException as error:
            made.append(error)
    return made


class Own(Exception):
    def __init__(self, *args):
        super(Own, self).__init__(*args)
        self.extra = [self]


def own():
    error = Own("a", [1])
    try:
        raise error
    except Own:
        pass
    if hasattr(error, "add_note"):
        error.add_note("a note")
    return [error, error.with_traceback(None), Own(), StopIteration([1]), SystemExit([2]), OSError(2, "no", "f"), ImportError("x", name="n")]


def groups():
    if sys.version_info < (3, 11):
        return []
    try:
        raise ExceptionGroup("several", [caught(1), ExceptionGroup("inner", [caused(), own()[0]])])  # noqa: F821
    except Exception as group:
        return [group, group.split(ValueError), group.derive([ValueError(1)])]


def frames():
    """A frame object of a function that still runs below, and of one that is done."""
    done = caught(3).__traceback__
    while done.tb_next:
        done = done.tb_next
    return [sys._getframe(), sys._getframe(1), done.tb_frame, traceback.extract_stack(), traceback.TracebackException.from_exception(caught(1))]


for build in (lambda: [caught(n) for n in (0, 5, 100)], chained, caused, holding_its_frame, of_the_system, own, groups, frames):
    keep[len(keep)] = build()


def hold_while_handling():
    try:
        fail(2, [3])
    except ValueError:
        truth.hold()


hold_while_handling()
