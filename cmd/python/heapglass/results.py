"""The answers of the program as typed mappings: the keys of its JSON, as attributes too.

A key that a newer program adds is there without a change here: `answer["new_key"]` and `answer.new_key`.
"""
from __future__ import annotations

import importlib
from typing import Any, ClassVar, Dict, Iterable, Iterator, List, Mapping, Optional, Type


class Record(Mapping[str, Any]):
    """A read-only mapping whose keys are attributes. Nested objects are records, and lists of objects lists of records."""

    _nested: ClassVar[Dict[str, Type["Record"]]] = {}
    _always: ClassVar[Dict[str, Any]] = {}  # keys that the JSON leaves out where there is nothing to say

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data: Dict[str, Any] = dict(data)
        for key, value in self._data.items():
            kind = self._kind_of(key)
            if isinstance(value, dict):
                self._data[key] = kind(value)
            elif isinstance(value, list):
                self._data[key] = [kind(each) if isinstance(each, dict) else each for each in value]

    @classmethod
    def _kind_of(cls, key: str) -> "Type[Record]":
        """What an object under this key is read as: by the class itself, or by one that it is derived from."""
        return next((kinds[key] for kinds in (vars(each).get("_nested", {}) for each in cls.__mro__) if key in kinds), Record)

    def __getitem__(self, key: str) -> Any:
        return self._data[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self._data:
            return self._data[name]
        if name in self._always:
            return type(self._always[name])(self._always[name])
        raise AttributeError("%s has no %r; it has %s" % (type(self).__name__, name, ", ".join(self._data)))

    def __dir__(self) -> Iterable[str]:
        return sorted(set(super().__dir__()) | set(self._data))

    def __repr__(self) -> str:
        inner = ", ".join("%s=%s" % (key, "[%d rows]" % len(value) if isinstance(value, list) and len(value) > 3 else repr(value))
                          for key, value in self._data.items())
        return "%s(%s)" % (type(self).__name__, inner)

    def to_dict(self) -> Dict[str, Any]:
        """Plain dicts and lists, as the JSON had them."""
        def plain(value: Any) -> Any:
            if isinstance(value, Record):
                return value.to_dict()
            return [plain(each) for each in value] if isinstance(value, list) else value
        return {key: plain(value) for key, value in self._data.items()}


class Caveat(Record):
    """What an answer does not cover, or what makes it unsure (docs/manual.md#caveats)."""

    kind: str
    count: Optional[int]
    examples: List[str]


class About(Record):
    """Which heapglass answers, and of which process and moment; None for what is not known."""

    heapglass: str
    host: Optional[str]
    pid: Optional[int]
    started: Optional[int]
    container: Optional[str]
    time: Optional[float]


class Answer(Record):
    """What every answer of one command has. `notes` and `caveats` are empty lists where there are none."""

    _nested = {"about": About, "caveats": Caveat}
    _always = {"notes": [], "caveats": []}
    about: About
    freeze: str
    pause_ms: float
    notes: List[str]
    caveats: List[Caveat]


class Process(Record):
    """A row of `ps`."""

    pid: int
    ppid: int
    user: str
    python: str
    reads: bool
    why_not: Optional[str]
    rss: int
    pss: Optional[int]
    threads: int
    age_seconds: int
    state: str
    container: Optional[str]
    program: str
    command: str


class Info(Answer):
    pid: int
    command: str
    executable: str
    python: str
    build: str
    layout_source: str
    threads: int
    state: Any
    objects: int
    references: int
    bytes: int
    rss: int
    elapsed_ms: float


class MemoryRow(Record):
    category: str
    detail: str
    objects: Optional[int]
    bytes: int
    share: float


class Memory(Answer):
    _nested = {"rows": MemoryRow}
    verdict: str
    rss: int
    sum: int
    malloc_trim_bytes: int
    rows: List[MemoryRow]


class Totals(Record):
    objects: int
    bytes: int
    external_bytes: int


class TypeRow(Record):
    type: str
    count: int
    bytes: int
    external_bytes: int
    mean: int
    share: float


class Histogram(Answer):
    _nested = {"total": Totals, "types": TypeRow}
    total: Totals
    types: List[TypeRow]


class ObjectRow(Record):
    """`path` is there where it was asked for."""

    id: int
    type: str
    size: int
    refcount: int
    weakrefs: int
    length: Optional[int]
    gc: bool
    repr: str
    path: str


class Objects(Answer):
    _nested = {"objects": ObjectRow}
    matches: int
    objects: List[ObjectRow]


class Neighbour(Record):
    label: str
    id: int
    type: str
    repr: str
    sure: bool


class Shown(Answer):
    """One object in full."""

    _nested = {"referents": Neighbour, "referrers": Neighbour}
    id: int
    type: str
    bases: List[str]
    repr: str
    size: int
    external_bytes: int
    retained_bytes: int
    retained_objects: int
    refcount: str
    found: int
    gc: str
    path: str
    referents: List[Neighbour]
    referrers: List[Neighbour]


class Step(Record):
    id: int
    type: str
    label: str


class PathRow(Record):
    _nested = {"steps": Step}
    objects: int
    bytes: int
    text: str
    steps: List[Step]


class Paths(Answer):
    _nested = {"paths": PathRow}
    paths: List[PathRow]


class RetainedRow(Record):
    id: int
    type: str
    retained_bytes: int
    retained_objects: int
    size: int
    repr: str
    path: str


class Retained(Answer):
    _nested = {"objects": RetainedRow}
    objects: List[RetainedRow]


class Suspect(Record):
    rank: int
    pattern: str
    owner: str
    bytes: int
    share: float
    retained_bytes: int
    objects: int
    evidence: str
    path: str
    cure: str
    id: int


class Leaks(Answer):
    _nested = {"suspects": Suspect}
    heap_bytes: int
    suspects: List[Suspect]


class Garbage(Answer):
    total: Record
    types: List[Record]
    components: List[Record]


class Frame(Record):
    file: str
    line: int
    function: str


class Thread(Record):
    _nested = {"frames": Frame}
    tid: Optional[int]
    name: Optional[str]
    gil: bool
    state: str
    waits_for: Any
    frames: List[Frame]


class Stacks(Answer):
    _nested = {"threads": Thread}
    pid: Optional[int]
    command: str
    python: str
    deadlocks: List[Any]
    deadlock_texts: List[str]
    threads: List[Thread]


class TypeGrowth(Record):
    type: str
    count_before: int
    count_after: int
    count_delta: int
    bytes_before: int
    bytes_after: int
    bytes_delta: int
    retained_delta: int
    new: int
    gone: int


class OwnerGrowth(Record):
    path: str
    what: str
    entries_before: Optional[int]
    entries_after: Optional[int]
    entries_delta: Optional[int]
    count_delta: int
    bytes_before: int
    bytes_after: int
    bytes_delta: int


class GrowthTotal(Record):
    count_delta: int
    bytes_delta: int


class Diff(Answer):
    """What grew from one capture to another."""

    _nested = {"compared": About, "types": TypeGrowth, "owners": OwnerGrowth, "total": GrowthTotal}
    total: GrowthTotal
    identity: Record
    rss: Record
    types: List[TypeGrowth]
    owners: List[OwnerGrowth]


def _needed(module: str, install: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError("%s is not installed, which this takes (pip install %s)" % (module, install)) from error


class Rows(List[Dict[str, Any]]):
    """The rows of a query, one dict each. `notes` and `caveats` are those of the answer."""

    def __init__(self, rows: Iterable[Dict[str, Any]], notes: Iterable[str] = (), caveats: Iterable[Mapping[str, Any]] = ()) -> None:
        super().__init__(rows)
        self.notes: List[str] = list(notes)
        self.caveats: List[Caveat] = [Caveat(each) for each in caveats]

    def to_pandas(self) -> Any:
        """A pandas.DataFrame; takes pandas."""
        return _needed("pandas", "pandas").DataFrame(list(self))

    def to_arrow(self) -> Any:
        """A pyarrow.Table; takes pyarrow."""
        return _needed("pyarrow", "pyarrow").Table.from_pylist(list(self))
