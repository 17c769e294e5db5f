"""The truth about a heap: what the interpreter says of itself, for tests to hold heapglass against.

Every program in this folder ends with truth.hold(). Started plainly it prints READY and waits until standard
input ends. Started with --truth FILE it first writes every object that it can reach to FILE, one JSON object a
line, in the format of `heapglass export --format jsonl`; compare_truth.py compares the two.

A line {"kind":"ours"} lists what belongs to the measurement and not to the program, {"kind":"end"} closes the
file. null says "not known": a size that only Python code could tell, the count of an immortal object, the
references of an object that is not safe to ask.

Python 3.7 to 3.15.
"""
import gc
import json
import os
import signal
import sys

LIFETIME = 900  # seconds; a program whose test died goes away by itself

_Frame = type(sys._getframe())
_Code = type(sys._getframe().f_code)
_SlotWrapper = (type(str.join), type(object.__init__))
_OWN_FILE = sys._getframe().f_code.co_filename
_RUNNING = _OWN_FILE, json.dumps.__code__.co_filename, json.encoder.JSONEncoder.encode.__code__.co_filename
_IMMORTAL = 1 << 28
# type's own descriptors: a metaclass may override how its classes answer, these go past it.
_type_slot = {name: type.__dict__[name].__get__ for name in ("__dict__", "__mro__", "__bases__", "__qualname__", "__module__")}


def _type_name(cls):
    qualname = _type_slot["__qualname__"](cls)
    try:
        module = _type_slot["__module__"](cls)
    except AttributeError:
        return qualname
    return str.__add__(module, ".") + qualname if isinstance(module, str) else qualname


def _has_c_sizeof(cls):
    """Whether sys.getsizeof of an instance runs C code only: Python code could change the heap."""
    for base in _type_slot["__mro__"](cls) or ():
        method = _type_slot["__dict__"](base).get("__sizeof__")
        if method is not None:
            return isinstance(method, _SlotWrapper)
    return True


def _may_grow(it):
    """Whether the size may change while the truth is told: 3.8 to 3.10 give code a cache when it runs for the 1024th time."""
    return type(it) is _Code and it.co_filename in _RUNNING


def _unsafe_to_ask():
    """The id of the one object whose references crash the process when asked for, or None.

    gh-122695: the module traversal of _asyncio in 3.12.0 to 3.12.5 hands out objects of its free list, dead ones.
    """
    if (3, 12) <= sys.version_info < (3, 12, 6):
        return id(sys.modules.get("_asyncio"))
    return None


def _behind_the_frozen():
    """Where to start for objects that gc.freeze() took out of gc.get_objects(): modules and all classes."""
    starts, classes, known = [sys.modules], [object], set()
    while classes:
        cls = classes.pop()
        if id(cls) in known:
            continue
        known.add(id(cls))
        classes.extend(type.__subclasses__(cls))
        starts.append(cls)
        # Static types name none of these as referents, though they keep them alive.
        starts.extend(gc.get_referents(_type_slot["__dict__"](cls)))
        starts.extend((_type_slot["__mro__"](cls), _type_slot["__bases__"](cls)))
    return [each for each in starts if gc.is_tracked(each)]


class _Output(object):
    """Writes through the descriptor, in large pieces: a file object would be one more object of the heap."""
    __slots__ = ("descriptor", "lines", "size")

    def __init__(self, path):
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self.lines, self.size = [], 0

    def write(self, line):
        self.lines.append(line)
        self.size += len(line)
        if self.size > 1 << 20:
            self.flush()

    def flush(self):
        rest = "".join(self.lines).encode("ascii")
        while rest:
            rest = rest[os.write(self.descriptor, rest):]
        self.lines, self.size = [], 0

    def close(self):
        self.flush()
        os.close(self.descriptor)


def _write_once(path):
    # First of all, so that nothing made below is in it. Objects leave this list when their turn comes, so that
    # an object is held by one reference of ours, the variable, when it is measured.
    todo = gc.get_objects()
    met = set(map(id, todo))
    output = _Output(path)
    write = output.write
    write('{"kind":"header","tool":"truth","pid":%d,"python":"%d.%d.%d"}\n' % ((os.getpid(),) + sys.version_info[:3]))
    if gc.get_freeze_count():
        for each in _behind_the_frozen():
            if id(each) not in met:
                met.add(id(each))
                todo.append(each)
        each = None
    first = met.copy()
    classes = {}
    ours = []
    unsafe = _unsafe_to_ask()
    probe = object()
    held_by_us = sys.getrefcount(probe) - 1  # the variable is in the count, and must be taken from others' too
    total = 0
    while todo:
        it = todo.pop()
        count = sys.getrefcount(it) - 1 - held_by_us
        cls = type(it)
        if cls is _Frame and it.f_code.co_filename == _OWN_FILE:
            ours.append(id(it))
            continue
        if id(cls) not in classes:
            classes[id(cls)] = json.dumps(_type_name(cls)), _has_c_sizeof(cls)
        name, c_sizeof = classes[id(cls)]
        # Before the references are listed: BytesIO counts its buffer by whether anybody else holds it.
        try:
            size = sys.getsizeof(it) if c_sizeof and not _may_grow(it) else None
        except Exception:
            size = None
        refs = None
        if id(it) != unsafe:
            refs = []
            for each in gc.get_referents(it):
                refs.append(id(each))
                if refs[-1] not in met:
                    met.add(refs[-1])
                    todo.append(each)
            each = None
        write('{"kind":"object","id":%d,"type":%s,"size":%s,"refcount":%s,"gc":%s,"refs":%s}\n'
              % (id(it), name, "null" if size is None else size, "null" if count >= _IMMORTAL else count,
                 "true" if gc.is_tracked(it) else "false", "null" if refs is None else str(refs)))
        total += 1
    it = cls = probe = None
    # What a second look finds new was made by this walk; what it finds gone was made for it.
    now = gc.get_objects()
    ids = set(map(id, now))
    now = None
    ours.extend(ids - met)
    if not gc.get_freeze_count():
        ours.extend(first - ids)
    for at in range(0, len(ours), 1000):
        write('{"kind":"ours","ids":%s}\n' % ours[at:at + 1000])
    write('{"kind":"end","objects":%d}\n' % total)
    output.close()


def write_truth(path, rehearse=True):
    """Writes the truth to `path`. The heap stays as written for as long as nobody runs Python code."""
    enabled = gc.isenabled()
    interval = sys.getswitchinterval()
    # Tuples and dicts lose their tracking at a collection, so it comes before the truth and not after.
    if rehearse:
        gc.collect()
    gc.disable()
    sys.setswitchinterval(1000)
    try:
        if rehearse:
            # Much is made only when first asked for (a static type's dict, an interned name, a code object's
            # cache): a first round makes it, the second finds everything as it will be.
            _write_once(os.devnull)
            gc.collect()
            gc.collect()
        _write_once(path)
    finally:
        sys.setswitchinterval(interval)
        if enabled and not rehearse:
            gc.enable()


def hold(argv=None):
    """Writes the truth where --truth FILE asks for it, says READY, and waits. Never returns.

    Commands on standard input, one a line: "truth FILE" writes it again and answers DONE.
    """
    argv = sys.argv if argv is None else argv
    signal.alarm(LIFETIME)
    if len(argv) > 2 and argv[-2] == "--truth":
        write_truth(argv[-1])
    os.write(1, b"READY\n")
    line = b""
    while True:
        byte = os.read(0, 1)
        if not byte:
            os._exit(0)
        if byte != b"\n":
            line += byte
            continue
        if line.startswith(b"truth "):
            write_truth(os.fsdecode(line[6:]), rehearse=False)
            os.write(1, b"DONE\n")
        line = b""
