"""Whether a function leaves more behind each time it is called: what the pytest plugin asks, without pytest.

The heap is read from outside, by the program `heapglass` as a child of this process, before and after N calls. Between
the two captures this module keeps nothing that it did not have before: the answers are files until both are there.

A first comparison is of what is there by type, in objects, bytes and lengths of containers, and of what the allocators
have given out. What grew is a suspect, and is compared again over more calls: a cache that fills, or noise, does not go on
growing at the same rate. What does is a leak; its owner is looked for in a snapshot, which is kept.
"""
from __future__ import annotations

import array
import dataclasses
import gc
import json
import os
import tempfile
import time
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from . import _program
from .errors import HeapglassError
from .heap import Heap

PLANTED = 3
SECOND_LOOK_SECONDS = 0.2
SECOND_LOOK_BYTES = 64 << 20
# The kernel gives large blocks of malloc a mapping of their own, which no arena has.
LARGE_BLOCK = 128 << 10
SECONDS, RESIDENT = 0, 1
# Asked once: each call of sysconf leaves a new str in the interpreter's cache of attributes.
PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")
NATIVE = "memory of C code"
LARGE = "large blocks"
# The interpreter's cache of attributes, which has 4096 entries, keeps the name that each has last been asked for: a str that C
# code made of a char*, as open() does, is in no other place.
CACHED_NAMES = "=names in the cache of attributes"
LOOK = """SELECT CASE WHEN type = 'builtins.str' AND refcount = 1 AND id IN (SELECT id FROM roots WHERE label = 'type_cache.hashtable')
THEN '""" + CACHED_NAMES + """' ELSE type END AS k, count(*) AS n, sum(size) AS b, sum(external) AS e, sum(length) AS l
FROM objects GROUP BY k
UNION ALL SELECT '~' || allocator, 0, sum(used), 0, 0 FROM arenas GROUP BY allocator"""

# The same with every container that can grow, and every object of one type, in the column `k` by its address.
LOOK_AT_CONTAINERS = LOOK + """
UNION ALL SELECT id, 0, 0, 0, length FROM objects WHERE (length > 1
AND type NOT IN ('builtins.str', 'builtins.bytes', 'builtins.tuple', 'builtins.frozenset')) OR type = '%s'"""
# Types of which there are too many to list.
NOT_LISTED = ("builtins.str", "builtins.bytes", "builtins.int", "builtins.float", "builtins.tuple")
# What free lists of extension modules may keep, which is not a leak.
FREE_LISTS = 32 << 10


class PlantedObject:
    """The positive control: what is made between two captures has to be seen, or the answer is worth nothing."""

    __slots__ = ("next",)

    def __init__(self, following: Optional["PlantedObject"]) -> None:
        self.next = following


_planted: Optional[PlantedObject] = None
_is_primed = False


def _plant() -> None:
    global _planted
    for _ in range(PLANTED):
        _planted = PlantedObject(_planted)


PLANTED_TYPE = "%s.%s" % (PlantedObject.__module__, PlantedObject.__qualname__)


@dataclasses.dataclass(frozen=True)
class Limits:
    """What may grow. With none of the three limits: less than half an object, 64 bytes or half an entry for each call."""

    max_objects: Optional[int] = None
    max_bytes: Optional[int] = None
    types: Tuple[str, ...] = ()
    repeats: int = 10
    warmup: int = 3
    confirm: int = 1000

    def __post_init__(self) -> None:
        for name, least in (("max_objects", 0), ("max_bytes", 0), ("repeats", 1), ("warmup", 1), ("confirm", 0)):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
                raise ValueError("heap_growth: %s is %r; it is a whole number of %d or more" % (name, value, least))
        if isinstance(self.types, str):
            object.__setattr__(self, "types", (self.types,))
        object.__setattr__(self, "types", tuple(self.types))
        if not all(isinstance(each, str) and each for each in self.types):
            raise ValueError("heap_growth: types are names of types, 'app.Session' or 'Session', not %r" % (self.types,))

    def covers(self, name: str) -> bool:
        return not self.types or any(name == each or name.rpartition(".")[2] == each for each in self.types)


@dataclasses.dataclass
class Grown:
    """How much of one type was added: objects, their bytes, and entries of containers."""

    name: str
    objects: int = 0
    bytes: int = 0
    entries: int = 0


@dataclasses.dataclass
class Finding:
    """What leaks."""

    calls: int
    grown: List[Grown]
    owners: List[str]
    paths: List[str]
    snapshot: str
    notes: List[str]

    def text(self, limits: Limits) -> str:
        lines = ["the heap grows with each call (%d calls after %d to warm up, seen twice from outside):"
                 % (self.calls, limits.warmup + limits.repeats)]
        for each in self.grown[:8]:
            what = "%+d objects, %+d bytes" % (each.objects, each.bytes)
            if not each.objects and each.entries:
                what = "%+d entries, %+d bytes" % (each.entries, each.bytes)
            lines.append("  %s: %s" % (each.name, what))
        if len(self.grown) > 8:
            lines.append("  and %d other types" % (len(self.grown) - 8))
        lines.extend("owner: %s" % each for each in self.owners)
        lines.extend("path: %s" % each for each in self.paths)
        lines.extend("note: %s" % each for each in self.notes)
        if self.snapshot:
            lines.append("snapshot: %s (heapglass leaks, path and backrefs take it; it has values of the program)" % self.snapshot)
        return "\n".join(lines)


def _resident() -> int:
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * PAGE_SIZE
    except (OSError, ValueError, IndexError):
        return 0


def _settle() -> None:
    for _ in range(3):
        if not gc.collect():
            return


def _arguments(path: str, sql: str, target: str = "") -> List[str]:
    return ["query", target or str(os.getpid()), sql, "--limit=0", "--format=json", "--nice=0", "--output=" + path]


def _look(arguments: List[str]) -> None:
    """Has a capture of this process written to a file. Nothing of the answer comes into this process yet."""
    _settle()
    _program.run_on_ourselves(arguments)


def _prime() -> None:
    # What subprocess and json set up once is set up before the first capture.
    global _is_primed
    if not _is_primed:
        _program.run_on_ourselves(["--version"])
        json.loads('{"rows": [{"k": "a", "n": 1, "b": 2.5, "l": null}]}')
        _settle()
        _is_primed = True


def _read(path: str) -> Tuple[Dict[str, Grown], Dict[int, int]]:
    """What there is by type, and the lengths of the containers."""
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        rows = json.load(file)["rows"]
    return ({row["k"]: Grown(row["k"], row["n"], row["b"] or 0, row["l"] or 0) for row in rows if isinstance(row["k"], str)},
            {row["k"]: row["l"] or 0 for row in rows if isinstance(row["k"], int)})


def _compare(before: str, after: str) -> Tuple[List[Grown], int]:
    """What grew by type, and how many bytes the allocators gave out that are of no object."""
    old, new = _read(before)[0], _read(after)[0]
    nothing = Grown("")
    grown: List[Grown] = []
    allocated = in_objects = 0
    for name, now in new.items():
        then = old.get(name, nothing)
        change = Grown(name, now.objects - then.objects, now.bytes - then.bytes, now.entries - then.entries)
        if name.startswith("~"):
            allocated += change.bytes
            continue
        in_objects += change.bytes
        if name == PLANTED_TYPE:
            if change.objects != PLANTED:
                raise HeapglassError("heapglass saw %d of %d objects that were planted: what it says of this process is worth nothing"
                                     % (change.objects, PLANTED))
            continue
        if name != CACHED_NAMES and not name.startswith("heapglass."):
            grown.append(change)
    if PLANTED_TYPE not in new:
        raise HeapglassError("heapglass did not see the objects that were planted: what it says of this process is worth nothing")
    in_objects += sum(-then.bytes for name, then in old.items() if name not in new and not name.startswith("~"))
    return grown, allocated - in_objects


def _suspects(grown: Sequence[Grown], native: int, resident: int, calls: int, limits: Limits, least: int = 256) -> List[Grown]:
    """What grew by more than the limits, which are for `repeats` calls. Less than `least` bytes of C code is nothing."""
    scale = calls / limits.repeats
    chosen = [each for each in grown if limits.covers(each.name)]
    native_row = Grown(NATIVE, 0, native)
    if limits.max_objects is not None or limits.max_bytes is not None:
        found: List[Grown] = []
        more = [each for each in chosen if each.objects > 0]
        if limits.max_objects is not None and sum(each.objects for each in more) > limits.max_objects * scale:
            found.extend(more)
        larger = [each for each in chosen + ([] if limits.types or native < least else [native_row]) if each.bytes > 0]
        if limits.max_bytes is not None and sum(each.bytes for each in larger) > limits.max_bytes * scale:
            found.extend(each for each in larger if each not in found)
        return found
    found = [each for each in chosen
             if 2 * each.objects >= calls or 2 * each.entries >= calls or each.bytes >= 64 * calls]
    if not limits.types and not any(2 * each.objects >= calls for each in found):
        # The smallest block of an allocator has 16 bytes.
        if native >= max(16 * calls, least):
            found.append(native_row)
        # Beside what the arenas gave out, which may be some hundred bytes of anybody's.
        if resident - max(native, 0) >= LARGE_BLOCK * calls and not any(each.bytes >= LARGE_BLOCK * calls for each in found):
            found.append(Grown(LARGE, 0, resident))
    return found


def _goes_on(first: Grown, first_calls: int, second: Grown, second_calls: int, limits: Limits) -> bool:
    """Whether a quarter of the rate of the first look is left in the second, in what made it a suspect.

    Entries of a str are its characters: where a limit is of objects, one longer str is no growth.
    """
    def measured(each: Grown) -> Tuple[int, ...]:
        if limits.max_objects is None and limits.max_bytes is None:
            return each.objects, each.bytes, each.entries
        return (each.objects if limits.max_objects is not None else 0, each.bytes if limits.max_bytes is not None else 0)

    return any(a > 0 and 4 * b * first_calls >= a * second_calls for a, b in zip(measured(first), measured(second)))


def _sort_key(each: Grown) -> Tuple[bool, bool, int, int]:
    """Types of the program before those of the interpreter, and what is no object last."""
    return each.name in (NATIVE, LARGE), each.name.startswith("builtins."), -each.objects, -each.bytes


class Watch:
    """The looks at one function."""

    def __init__(self, call: Callable[[], Any], limits: Limits) -> None:
        self.call = call
        self.limits = limits
        # Numbers between two captures, which are no objects of their own.
        self.numbers = array.array("d", [0.0, 0.0])

    def _call_times(self, times: int) -> float:
        begin = time.perf_counter()
        for _ in range(times):
            self.call()
        return time.perf_counter() - begin

    def _second_calls(self, seconds: float, grew: float) -> int:
        """How often to call again: as often as 0.2 s and 64 MB of growth allow, but no less than the first time."""
        limits = self.limits
        by_time = SECOND_LOOK_SECONDS * limits.repeats / max(seconds, 1e-6)
        each = max(1, grew) / limits.repeats
        return max(limits.repeats, int(min(by_time, SECOND_LOOK_BYTES / each, limits.confirm)))

    def find(self, keep: Callable[[], str]) -> Optional[Finding]:
        """Calls the function `warmup` times (but the first, which the caller did), then looks. `keep` names the snapshot."""
        limits = self.limits
        _prime()
        with tempfile.TemporaryDirectory(prefix="heapglass-") as folder:
            one, two = os.path.join(folder, "1.json"), os.path.join(folder, "2.json")
            looks = _arguments(one, LOOK), _arguments(two, LOOK)
            self._call_times(limits.warmup - 1)
            _look(looks[0])
            self._repeat(limits.repeats)
            _look(looks[1])
            self.numbers[RESIDENT] += _resident()
            grown, native = _compare(one, two)
            first = _suspects(grown, native, int(self.numbers[RESIDENT]), limits.repeats, limits)
            grew = max([native, self.numbers[RESIDENT]] + [each.bytes for each in grown])
            del grown
            if not first:
                return None
            kept = keep()
            finding = None
            try:
                finding = self._look_again(first, self._second_calls(self.numbers[SECONDS], grew), folder, kept)
            finally:
                if finding is None and os.path.exists(kept):
                    os.unlink(kept)
            return finding

    def _repeat(self, times: int) -> None:
        self.numbers[RESIDENT] = -_resident()
        self.numbers[SECONDS] = self._call_times(times)
        _plant()

    def _look_again(self, first: List[Grown], calls: int, folder: str, kept: str) -> Optional[Finding]:
        three, four = os.path.join(folder, "3.json"), os.path.join(folder, "4.json")
        pid = str(os.getpid())
        top = min(first, key=_sort_key).name
        look = LOOK_AT_CONTAINERS % ("" if top in NOT_LISTED else top.replace("'", "''"))
        before = _arguments(three, look)
        capture = ["snapshot", pid, "--nice=0", "--output=" + kept]
        _look(before)
        self._repeat(calls)
        _look(capture)
        self.numbers[RESIDENT] += _resident()
        _program.run(_arguments(four, look, kept))
        resident = int(self.numbers[RESIDENT])
        grown, native = _compare(three, four)
        second = {each.name: each for each in grown}
        second.update({NATIVE: Grown(NATIVE, 0, native), LARGE: Grown(LARGE, 0, resident)})
        again = {each.name for each in _suspects(grown, native, resident, calls, self.limits, FREE_LISTS)}
        leaks = sorted((second[each.name] for each in first if each.name in second and each.name in again
                        and _goes_on(each, self.limits.repeats, second[each.name], calls, self.limits)),
                       key=_sort_key)
        if not leaks:
            return None
        heap = Heap(kept)
        objects = [each for each in leaks if each.name not in (NATIVE, LARGE)]
        owners, path = self._owners(heap, _read(three)[1], _read(four)[1], calls) if objects else ([], [])
        notes: List[str] = []
        if len(objects) < len(leaks):
            notes.append("no Python object has these bytes: C code allocated them, or a reference that C code took was never given "
                         "back (heapglass memory, heapglass garbage --held-by-c)")
        return Finding(calls, leaks, owners, path, kept, notes)

    @staticmethod
    def _owners(heap: Heap, before: Dict[int, int], after: Dict[int, int], calls: int) -> Tuple[List[str], List[str]]:
        """The root paths of the containers that got an entry with at least every fourth call, else of one new object."""
        more = sorted(((length - before.get(id, 0), id) for id, length in after.items() if id in before), reverse=True)
        owners = ["%s (%+d entries)" % (each.text, entries) for entries, id in more[:2] if 4 * entries >= calls
                  for each in _paths(heap, id=id, all=1)]
        new = [] if owners else sorted(id for id in after if id not in before)
        return owners, [each.text for each in _paths(heap, id=new[len(new) // 2], all=1)] if new else []


def _paths(heap: Heap, **what: Any) -> List[Any]:
    try:
        return list(heap.path(**what).paths)
    except HeapglassError:
        return []
