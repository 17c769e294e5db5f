"""A target, and the questions that can be put to it."""
from __future__ import annotations

import contextlib
import os
import tempfile
from typing import Any, Dict, Iterator, List, Optional, Sequence, Union

from . import results
from ._program import ask, flags_of, run
from .errors import HeapglassError

Target = Union[int, str, "os.PathLike[str]", "Heap"]
OneOrMore = Union[str, Sequence[str], None]
Ids = Union[int, str, Sequence[Union[int, str]], None]


def word_of(target: Target) -> str:
    """The target as a word of the command line: a pid, @NAME, or a path."""
    if isinstance(target, Heap):
        return target.target
    if isinstance(target, bool) or not isinstance(target, (int, str, os.PathLike)):
        raise TypeError("a target is a process id, '@NAME' or a file, not %r" % (target,))
    if isinstance(target, int) and target <= 0:
        raise ValueError("%d is no process id" % target)
    word = str(target) if isinstance(target, int) else os.fspath(target)
    if not word:
        raise ValueError("the target is empty")
    return "./" + word if word.startswith("-") else word


class Picture:
    """A picture of objects. Jupyter shows it; `data` has its bytes, and `save` writes them to a file."""

    def __init__(self, data: bytes, format: str) -> None:
        self.data = data
        self.format = format

    def _repr_svg_(self) -> Optional[str]:
        return self.data.decode("utf-8") if self.format == "svg" else None

    def _repr_png_(self) -> Optional[bytes]:
        return self.data if self.format == "png" else None

    @property
    def text(self) -> str:
        """The source of an SVG or DOT picture."""
        return self.data.decode("utf-8")

    def save(self, path: "Union[str, os.PathLike[str]]") -> str:
        """Writes the picture; only the user may read the file, since the picture may have values of the program."""
        name = os.fspath(path)
        with open(name, "wb", opener=lambda file, flags: os.open(file, flags, 0o600)) as file:
            file.write(self.data)
        return name

    def __repr__(self) -> str:
        return "<Picture: %s of %d bytes>" % (self.format, len(self.data))


class Heap:
    """A process, core file or snapshot. Each question to a process captures it anew, and stops it for a moment.

    `capture()` gives a Heap of one capture, to which any number of questions can be put without another stop.
    Options of the program are arguments of the same name: `freeze="fork"`, `max_pause=50`, `sysroot="/srv/root"`.
    """

    def __init__(self, target: Target, *, timeout: Optional[float] = None, **options: Any) -> None:
        self.target = word_of(target)
        self.timeout = timeout
        self.options: Dict[str, Any] = options

    def __repr__(self) -> str:
        return "heapglass.open(%r)" % self.target

    @property
    def is_this_process(self) -> bool:
        return self.target == str(os.getpid())

    def arguments(self, command: str, *words: str, **options: Any) -> List[str]:
        """The command line for a command on this target."""
        return [command, self.target, *words, *flags_of({**self.options, **options})]

    def ask(self, command: str, *words: str, **options: Any) -> Any:
        """The JSON answer of any command: heap.ask("retained", tree=True, depth=2)."""
        return ask(self.arguments(command, *words, **options), self.timeout, self.is_this_process)

    def run(self, command: str, *words: str, **options: Any) -> bytes:
        """What any command prints: heap.run("leaks").decode()."""
        return run(self.arguments(command, *words, **options), self.timeout, self.is_this_process)[0]

    def info(self, *, no_heap: bool = False) -> results.Info:
        """What runs in the process; without counting its objects (`no_heap`) the answer takes milliseconds."""
        return results.Info(self.ask("info", no_heap=no_heap))

    def memory(self, *, limit: Optional[int] = None) -> results.Memory:
        """Rows that add up to the resident memory, and a sentence that sums them up (`verdict`)."""
        return results.Memory(self.ask("memory", limit=limit))

    def histogram(self, *, type: OneOrMore = None, sort: Optional[str] = None, limit: Optional[int] = None) -> results.Histogram:
        """Objects and bytes by type."""
        return results.Histogram(self.ask("histogram", type=type, sort=sort, limit=limit))

    def leaks(self, *, every: Optional[str] = None, times: Optional[int] = None, limit: Optional[int] = None,
              fail_if: OneOrMore = None, **options: Any) -> results.Leaks:
        """Leak suspects: `suspects`, each with its owner, path, evidence and cure."""
        return results.Leaks(self.ask("leaks", every=every, times=times, limit=limit, fail_if=fail_if, **options))

    def path(self, *, type: OneOrMore = None, id: Ids = None, where: Optional[str] = None, all: Optional[int] = None,
             avoid: Optional[str] = None, from_: Optional[str] = None) -> results.Paths:
        """The root paths of objects: what keeps them alive."""
        return results.Paths(self.ask("path", type=type, id=id, where=where, all=all, avoid=avoid, from_=from_))

    def objects(self, *, type: OneOrMore = None, id: Ids = None, where: Optional[str] = None, sort: Optional[str] = None,
                limit: Optional[int] = None, paths: bool = False) -> results.Objects:
        """Objects one by one, chosen by type, address or condition."""
        return results.Objects(self.ask("objects", type=type, id=id, where=where, sort=sort, limit=limit, paths=paths))

    def show(self, id: Union[int, str, None] = None, *, type: Optional[str] = None, limit: Optional[int] = None) -> results.Shown:
        """One object in full, by its address or as the only one of its type."""
        return results.Shown(self.ask("show", id=id, type=type, limit=limit))

    def retained(self, *, type: OneOrMore = None, id: Ids = None, limit: Optional[int] = None) -> results.Retained:
        """The objects with the largest retained size."""
        return results.Retained(self.ask("retained", type=type, id=id, limit=limit))

    def garbage(self, *, limit: Optional[int] = None, held_by_c: bool = False) -> results.Garbage:
        """What a full collection would free now; `held_by_c`: objects with lost references."""
        return results.Garbage(self.ask("garbage", limit=limit, held_by_c=held_by_c))

    def stacks(self, *, locals: bool = False, depth: Optional[int] = None) -> results.Stacks:
        """The stack of every thread, the locks and what waits for them, tasks and greenlets."""
        return results.Stacks(self.ask("stacks", locals=locals, depth=depth))

    def query(self, sql: str, *, limit: Optional[int] = 0, timeout: Optional[int] = None) -> results.Rows:
        """The rows of an SQL query (docs/manual.md#query), all of them unless `limit` says otherwise."""
        # Text that begins with a minus would be taken for an option.
        answer = self.ask("query", " " + sql if sql.startswith("-") else sql, limit=limit, timeout=timeout)
        return results.Rows(answer["rows"], answer.get("notes", ()), answer.get("caveats", ()))

    def _picture(self, command: str, format: str, options: Dict[str, Any]) -> Picture:
        if format not in ("svg", "png", "pdf", "dot"):
            raise ValueError("a picture is svg, png, pdf or dot, not %r" % format)
        return Picture(self.run(command, format=format, output="-", **options), format)

    def backrefs(self, *, type: OneOrMore = None, id: Ids = None, format: str = "svg", **options: Any) -> Picture:
        """The referrers of objects as a picture. Options are the program's: max_depth=4, highlight="type == method"."""
        return self._picture("backrefs", format, {"type": type, "id": id, **options})

    def refs(self, *, type: OneOrMore = None, id: Ids = None, format: str = "svg", **options: Any) -> Picture:
        """The referents of objects as a picture."""
        return self._picture("refs", format, {"type": type, "id": id, **options})

    def path_picture(self, *, type: OneOrMore = None, id: Ids = None, format: str = "svg", **options: Any) -> Picture:
        """The root paths of objects as a picture."""
        return self._picture("path", format, {"type": type, "id": id, **options})

    def snapshot(self, path: "Union[str, os.PathLike[str]]", *, no_values: bool = False, **options: Any) -> "Heap":
        """Writes a snapshot to `path` and gives the Heap that it has. `no_values` leaves out texts, numbers and bytes."""
        name = word_of(path)
        self.run("snapshot", output=name, no_values=no_values, **options)
        return Heap(name, timeout=self.timeout)

    @contextlib.contextmanager
    def capture(self, *, no_values: bool = False) -> Iterator["Heap"]:
        """One capture, in a file that is removed at the end: `with heap.capture() as once: once.leaks(); once.memory()`."""
        with tempfile.TemporaryDirectory(prefix="heapglass-") as folder:
            yield self.snapshot(os.path.join(folder, "capture.hg"), no_values=no_values)


def diff(*targets: Target, sort: Optional[str] = None, limit: Optional[int] = None, fail_if: OneOrMore = None,
         timeout: Optional[float] = None, **options: Any) -> results.Diff:
    """What grew from the first target to the last: by type, by owner and object by object."""
    if len(targets) < 2 and "every" not in options:
        raise ValueError("diff takes two targets, or one and every=TIME")
    words = [word_of(each) for each in targets]
    arguments = ["diff", *words, *flags_of({"sort": sort, "limit": limit, "fail_if": fail_if, **options})]
    return results.Diff(ask(arguments, timeout, str(os.getpid()) in words))


def ps(*, timeout: Optional[float] = None) -> List[results.Process]:
    """The Python processes of this machine that the caller may look at. None of them is stopped."""
    return [results.Process(each) for each in ask(["ps"], timeout)["processes"]]


class growth:
    """What grew between the begin and the end of a block, in this process or another one.

        with heapglass.growth(4711) as g:
            send_requests()
        print(g.types[0].type, g.owners[0].path)

    `g.result` is the Diff, and `g.before` and `g.after` are the two captures, to which any question can be put as long
    as `g` is there.
    """

    def __init__(self, target: Optional[Target] = None, *, timeout: Optional[float] = None, no_values: bool = False,
                 **options: Any) -> None:
        self._heap = Heap(os.getpid() if target is None else target, timeout=timeout)
        self._options = options
        self._no_values = no_values
        self._folder: "Optional[tempfile.TemporaryDirectory[str]]" = None
        self._before: Optional[Heap] = None
        self._after: Optional[Heap] = None
        self._result: Optional[results.Diff] = None

    def _take(self, name: str) -> Heap:
        assert self._folder is not None
        return self._heap.snapshot(os.path.join(self._folder.name, name), no_values=self._no_values)

    def __enter__(self) -> "growth":
        self._folder = tempfile.TemporaryDirectory(prefix="heapglass-")
        try:
            self._before = self._take("before.hg")
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is not None:  # the block's own error is the one to be seen
            return
        self._after = self._take("after.hg")
        self._result = diff(self.before, self._after, timeout=self._heap.timeout, **self._options)

    def close(self) -> None:
        """Removes the two captures."""
        if self._folder is not None:
            self._folder.cleanup()

    @staticmethod
    def _known(value: Any) -> Any:
        if value is None:
            raise HeapglassError("there is no growth before the end of the block")
        return value

    @property
    def before(self) -> Heap:
        heap: Heap = self._known(self._before)
        return heap

    @property
    def after(self) -> Heap:
        heap: Heap = self._known(self._after)
        return heap

    @property
    def result(self) -> results.Diff:
        answer: results.Diff = self._known(self._result)
        return answer

    @property
    def types(self) -> List[results.TypeGrowth]:
        return self.result.types

    @property
    def owners(self) -> List[results.OwnerGrowth]:
        return self.result.owners

    @property
    def total(self) -> results.GrowthTotal:
        return self.result.total
