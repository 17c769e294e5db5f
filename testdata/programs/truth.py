"""The truth about a heap: what the interpreter says of itself, for tests to hold heapglass against.

Every program in this folder ends with truth.hold(). Started plainly it prints READY and waits until standard
input ends. Started with --truth FILE it first writes every object that it can reach to FILE, for
heapglass_compare_truth (cmd/tests/truth/), which holds an export against it.

FILE is the line "heapglass truth 1, Python VERSION", and then blocks of signed 64-bit words in the order of this
machine's bytes. The first word of a block says what it is:
1 class n     a class, by its address, and its name in n bytes of UTF-8 (surrogates as they are)
2 n held all  n objects, in columns of n words: addresses, classes, sizes, reference counts of which `held` are ours,
              numbers of references; then n bytes that are 1 for what the collector tracks; then all references
3 n           n addresses of what belongs to the measurement and not to the program
4 n           the end; there were n objects
-1 says "not known": a size that only Python code could tell, the references of an object that is not safe to ask.

The interpreter's functions are mapped over many objects at a time, since a loop in Python over all objects and text
for each take five times as long.

Python 3.7 to 3.15.
"""
import array
import gc
import itertools
import os
import signal
import sys

LIFETIME = 900  # seconds; a program whose test died goes away by itself

_Frame = type(sys._getframe())
_Code = type(sys._getframe().f_code)
_SlotWrapper = (type(str.join), type(object.__init__))
_OWN_FILE = sys._getframe().f_code.co_filename
_AT_ONCE = 4096  # objects
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


def _may_grow(code):
    """Whether its size may change while the truth is told: 3.8 to 3.10 give code a cache when it runs for the 1024th time."""
    return code.co_filename == _OWN_FILE


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


def _words(numbers=()):
    return array.array("q", numbers)


class _Output(object):
    """Writes through the descriptor, in large pieces: a file object would be one more object of the heap."""
    __slots__ = ("descriptor", "held", "columns", "tracked", "references")

    def __init__(self, path, held):
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self.held = held
        self.write(("heapglass truth 1, Python %d.%d.%d\n" % sys.version_info[:3]).encode("ascii"))
        self.begin()

    def begin(self):
        self.columns = [_words() for _ in range(5)]
        self.tracked, self.references = bytearray(), _words()

    def add(self, columns, tracked, references):
        for column, values in zip(self.columns, columns):
            column.extend(values)
        self.tracked += tracked
        self.references.extend(references)
        if len(self.tracked) + len(self.references) > 1 << 18:
            self.flush()

    def flush(self):
        self.write(_words([2, len(self.tracked), self.held, len(self.references)]))
        for column in self.columns:
            self.write(column)
        self.write(self.tracked)
        self.write(self.references)
        self.begin()

    def write(self, data):
        rest = memoryview(data).cast("B")
        while rest:
            rest = rest[os.write(self.descriptor, rest):]

    def close(self):
        os.close(self.descriptor)


def _sizes(objects, classes, python_sizeof):
    try:
        if python_sizeof.isdisjoint(classes):
            return _words(list(map(sys.getsizeof, objects)))
    except Exception:  # of one of them; the others are asked below
        pass
    sizes = _words([-1]) * len(objects)
    for at, cls in enumerate(classes):
        try:
            if cls not in python_sizeof:
                sizes[at] = sys.getsizeof(objects[at])
        except Exception:
            pass
    return sizes


def _referents(objects, addresses, unsafe):
    """Of each, and how many these are."""
    if unsafe not in addresses:
        told = list(map(gc.get_referents, objects))
        return told, list(map(len, told))
    at = addresses.index(unsafe)
    told = list(map(gc.get_referents, objects[:at])) + [[]] + list(map(gc.get_referents, objects[at + 1:]))
    lengths = list(map(len, told))
    lengths[at] = -1
    return told, lengths


def _write_once(path):
    # First of all, so that nothing made below is in it. Objects leave this list when their turn comes, so that
    # an object is held by one reference of ours, that of the list `some`, when it is measured.
    todo = gc.get_objects()
    met = set(map(id, todo))
    if gc.get_freeze_count():
        for each in _behind_the_frozen():
            if id(each) not in met:
                met.add(id(each))
                todo.append(each)
        each = None
    first = met.copy()
    named, python_sizeof = set(), set()  # classes
    ours = []
    frame, code, unsafe = id(_Frame), id(_Code), _unsafe_to_ask()
    some = [object()]
    output = _Output(path, next(map(sys.getrefcount, some)))
    total, kept = 0, path != os.devnull  # a rehearsal leaves out what makes nothing
    while todo:
        some = todo[-_AT_ONCE:]
        del todo[-_AT_ONCE:]
        classes = list(map(id, map(type, some)))
        if frame in classes:
            for at in range(len(some) - 1, -1, -1):
                if classes[at] == frame and some[at].f_code.co_filename == _OWN_FILE:
                    ours.append(id(some[at]))
                    del some[at], classes[at]
        for new in set(classes).difference(named):
            cls = type(some[classes.index(new)])
            named.add(new)
            if not _has_c_sizeof(cls):
                python_sizeof.add(new)
            name = _type_name(cls).encode("utf-8", "surrogatepass")
            output.write(_words([1, new, len(name)]))
            output.write(name)
            cls = None
        addresses = list(map(id, some))
        counts = list(map(sys.getrefcount, some)) if kept else None
        # Before the references are listed: BytesIO counts its buffer by whether anybody else holds it.
        sizes = _sizes(some, classes, python_sizeof)
        if code in classes:
            for at, each in enumerate(classes):
                if each == code and _may_grow(some[at]):
                    sizes[at] = -1
        tracked = bytes(map(gc.is_tracked, some)) if kept else None
        told, lengths = _referents(some, addresses, unsafe)
        told = list(itertools.chain.from_iterable(told))
        references = list(map(id, told))
        if kept:
            output.add((addresses, classes, sizes, counts, lengths), tracked, references)
        total += len(some)
        found = dict(zip(references, told))
        new = set(found).difference(met)
        met |= new
        some = told = None
        todo.extend(map(found.__getitem__, new))
        found = None
    output.flush()
    # What a second look finds new was made by this walk; what it finds gone was made for it.
    now = gc.get_objects()
    ids = set(map(id, now))
    now = None
    ours.extend(ids - met)
    if not gc.get_freeze_count():
        ours.extend(first - ids)
    output.write(_words([3, len(ours)] + ours))
    output.write(_words([4, total]))
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
