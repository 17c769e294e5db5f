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
import shutil
import tempfile
import time
from typing import AbstractSet, Any, Callable, Dict, List, Optional, Sequence, Tuple

from . import _program
from .errors import HeapglassError

PLANTED = 3
SECOND_LOOK_SECONDS = 0.1
SECOND_LOOK_BYTES = 16 << 20
# The kernel gives large blocks of malloc a mapping of their own, which no arena has.
LARGE_BLOCK = 128 << 10
SECONDS, RESIDENT, FIRST_RESIDENT, GREW = range(4)
# Asked once: each call of sysconf leaves a new str in the interpreter's cache of attributes.
PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")
NATIVE = "memory of C code"
LARGE = "large blocks"
# The interpreter's cache of attributes, which has 4096 entries, keeps the name that each has last been asked for: a str that C
# code made of a char*, as open() does, is in no other place. They are counted once more, to be taken off.
CACHED_NAMES = "=names in the cache of attributes"
LOOK = """SELECT type AS k, count(*) AS n, sum(size) AS b, sum(length) AS l, NULL AS t FROM objects GROUP BY type
UNION ALL SELECT '""" + CACHED_NAMES + """', count(*), sum(o.size), sum(o.length), NULL
FROM (SELECT DISTINCT id FROM roots WHERE label = 'type_cache.hashtable') AS r CROSS JOIN objects AS o ON o.id = r.id
WHERE o.type = 'builtins.str' AND o.refcount = 1
UNION ALL SELECT '~' || allocator, 0, sum(used), 0, NULL FROM arenas GROUP BY allocator"""

# The same with the address of every object and how long it is, of all types but those of which there are too many.
LOOK_AT_OBJECTS = LOOK + """
UNION ALL SELECT '@' || type, 0, 0, 0, group_concat(id || ':' || ifnull(length, 0), ' ') FROM objects
WHERE type NOT IN ('builtins.str', 'builtins.bytes', 'builtins.int', 'builtins.float', 'builtins.tuple') GROUP BY type"""
# The same with the root paths of some objects.
LOOK_AT_PATHS = LOOK + """
UNION ALL SELECT '@' || id, 0, 0, length, root_path(id) FROM objects WHERE id IN (%s)"""
MOST_CONTAINERS = 40
MOST_OF_A_TYPE = 3
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


# Command lines are tuples: they are there while this process is captured, and a list of another length would be seen as growth.
def _arguments(path: str, sql: str, target: str = "") -> Tuple[str, ...]:
    return "query", target or str(os.getpid()), sql, "--limit=0", "--format=json", "--nice=0", "--output=" + path


def _look(arguments: Tuple[str, ...]) -> None:
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


def _rows(path: str) -> List[Dict[str, Any]]:
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        rows: List[Dict[str, Any]] = json.load(file)["rows"]
    return rows


def _read(path: str) -> Dict[str, Grown]:
    """What there is by type, and by allocator."""
    found = {row["k"]: Grown(row["k"], row["n"], row["b"] or 0, row["l"] or 0) for row in _rows(path) if not row["k"].startswith("@")}
    cached, texts = found.pop(CACHED_NAMES, None), found.get("builtins.str")
    if cached and texts:
        found["builtins.str"] = Grown(texts.name, texts.objects - cached.objects, texts.bytes - cached.bytes,
                                      texts.entries - cached.entries)
    return found


def _read_objects(path: str, types: AbstractSet[str]) -> Dict[str, Dict[int, int]]:
    """The objects of each of these types that is listed, by address, and how long each is."""
    return {row["k"][1:]: {int(id): int(length) for id, length in (each.split(":") for each in row["t"].split())}
            for row in _rows(path) if row["k"][0] == "@" and row["k"][1:] in types}


def _read_paths(path: str) -> Dict[int, Tuple[int, str]]:
    """How long the objects are that were asked for, and their root paths; "" where nothing leads there."""
    return {int(row["k"][1:]): (row["l"] or 0, row["t"] or "") for row in _rows(path) if row["k"].startswith("@")}


def _compare(before: str, after: str) -> Tuple[List[Grown], int]:
    """What grew by type, and how many bytes the allocators gave out that are of no object."""
    old, new = _read(before), _read(after)
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
        if not name.startswith("heapglass."):
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
    """The looks at one function: before the repeats, after them, and where something grew after many more."""

    def __init__(self, call: Callable[[], Any], limits: Limits) -> None:
        self.call = call
        self.limits = limits
        # Numbers between two captures, which are no objects of their own.
        self.numbers = array.array("d", [0.0] * 4)

    def _call_times(self, times: int) -> float:
        begin = time.perf_counter()
        for _ in range(times):
            self.call()
        return time.perf_counter() - begin

    def _repeat(self, times: int) -> None:
        self.numbers[RESIDENT] = -_resident()
        self.numbers[SECONDS] = self._call_times(times)
        _plant()

    def _second_calls(self) -> int:
        """How often to call again: as often as 0.1 s and 16 MB of growth allow, but no less than the first time."""
        limits = self.limits
        by_time = SECOND_LOOK_SECONDS * limits.repeats / max(self.numbers[SECONDS], 1e-6)
        each = max(1, self.numbers[GREW]) / limits.repeats
        return max(limits.repeats, int(min(by_time, SECOND_LOOK_BYTES / each, limits.confirm)))

    def find(self, keep: Callable[[], str]) -> Optional[Finding]:
        """Calls the function `warmup` times (but the first, which the caller did), then looks. `keep` names the snapshot."""
        limits = self.limits
        _prime()
        with tempfile.TemporaryDirectory(prefix="heapglass-") as folder:
            one, two, snapshot = (os.path.join(folder, name) for name in ("1.json", "2.json", "3.hg"))
            looks = _arguments(one, LOOK_AT_OBJECTS), _arguments(two, LOOK_AT_OBJECTS)
            capture = "snapshot", str(os.getpid()), "--nice=0", "--output=" + snapshot
            self._call_times(limits.warmup - 1)
            _look(looks[0])
            self._repeat(limits.repeats)
            _look(looks[1])
            self.numbers[FIRST_RESIDENT] = self.numbers[RESIDENT] + _resident()
            if not self._is_suspected(one, two):
                return None
            calls = self._second_calls()
            self._repeat(calls)
            _look(capture)
            self.numbers[RESIDENT] += _resident()
            return self._judge(one, two, snapshot, calls, keep)

    def _is_suspected(self, one: str, two: str) -> bool:
        """Whether something grew. The third capture is compared with the second, so that nothing of this may stay until then."""
        grown, native = _compare(one, two)
        self.numbers[GREW] = max([native, self.numbers[FIRST_RESIDENT]] + [each.bytes for each in grown])
        return bool(self._first_suspects(grown, native))

    def _first_suspects(self, grown: Sequence[Grown], native: int) -> List[Grown]:
        return _suspects(grown, native, int(self.numbers[FIRST_RESIDENT]), self.limits.repeats, self.limits)

    def _judge(self, one: str, two: str, snapshot: str, calls: int, keep: Callable[[], str]) -> Optional[Finding]:
        more, native = _compare(one, two)
        first = self._first_suspects(more, native)
        types = {each.name for each in more if each.entries > 0}.union(each.name for each in first)
        candidates = Candidates(_read_objects(one, types), _read_objects(two, types),
                                [each.name for each in sorted(first, key=_sort_key)])
        three = snapshot + ".json"
        _program.run(_arguments(three, LOOK_AT_PATHS % ",".join(map(str, candidates.all())), snapshot))
        grown, native = _compare(two, three)
        resident = int(self.numbers[RESIDENT])
        second = {each.name: each for each in grown}
        second.update({NATIVE: Grown(NATIVE, 0, native), LARGE: Grown(LARGE, 0, resident)})
        again = {each.name for each in _suspects(grown, native, resident, calls, self.limits, FREE_LISTS)}
        # malloc raises the size from which a block gets a mapping of its own to that of the largest one that was freed.
        if NATIVE in again:
            again.add(LARGE)
        leaks = sorted((second[each.name] for each in first if each.name in second and each.name in again
                        and _goes_on(each, self.limits.repeats, second[each.name], calls, self.limits)),
                       key=_sort_key)
        if not leaks:
            return None
        objects = [each.name for each in leaks if each.name not in (NATIVE, LARGE)]
        owners, paths = candidates.owners(objects, _read_paths(three), calls) if objects else ([], [])
        notes: List[str] = []
        if len(objects) < len(leaks):
            notes.append("no Python object has these bytes: C code allocated them, or a reference that C code took was never given "
                         "back (heapglass memory, heapglass garbage --held-by-c)")
        return Finding(calls, leaks, owners, paths, shutil.move(snapshot, keep()), notes)


class Candidates:
    """Of what grew between the first two captures: containers, and new objects of the types that are suspected."""

    def __init__(self, before: Dict[str, Dict[int, int]], after: Dict[str, Dict[int, int]], suspects: Sequence[str]) -> None:
        grown = sorted(((length - before[name][id], id, length) for name, objects in after.items() if name in before
                        for id, length in objects.items() if length > before[name].get(id, length)), reverse=True)
        self.lengths = {id: length for _, id, length in grown[:MOST_CONTAINERS]}
        self.new: Dict[str, List[int]] = {}
        for name in suspects:
            new = sorted(id for id in after.get(name, ()) if id not in before.get(name, ()))
            # From all over: one may be gone by the third capture.
            step = max(1, len(new) // MOST_OF_A_TYPE)
            self.new[name] = new[step // 2::step][:MOST_OF_A_TYPE]

    def all(self) -> List[int]:
        return [*self.lengths, *(id for ids in self.new.values() for id in ids)]

    def owners(self, leaks: Sequence[str], paths: Dict[int, Tuple[int, str]], calls: int) -> Tuple[List[str], List[str]]:
        """The root paths of the containers that got an entry with at least every fourth call, else of one new object."""
        more = sorted(((paths[id][0] - length, paths[id][1]) for id, length in self.lengths.items() if id in paths), reverse=True)
        owners = ["%s (%+d entries)" % (path, entries) for entries, path in more[:2] if path and 4 * entries >= calls]
        objects = [] if owners else [paths[id][1] for name in leaks for id in self.new[name] if id in paths]
        return owners, [path for path in objects if path][:1]
