"""Classes and where their instances keep attributes: inline, in a dict, in slots, nowhere."""
import abc
import dataclasses
import enum
import sys
import typing
import weakref

import truth

keep = {}


class Plain(object):
    kind = ["of the class"]

    def __init__(self, i):
        self.number = i
        self.list = [i]


class Slots(object):
    __slots__ = ("left", "right", "never")

    def __init__(self, i):
        self.left, self.right = [i], self


class SlotsAndDict(Slots):
    pass


class SlotsWithWeakref(Slots):
    __slots__ = ("__weakref__",)


class SlotsOfDict(object):
    __slots__ = ("__dict__", "one")


class Wide(object):
    """More attributes than an instance keeps inline."""

    def __init__(self, n):
        for i in range(n):
            setattr(self, "attribute_%03d" % i, [i])


class InAnyOrder(object):
    """Instances that fill the shared keys in another order."""

    def __init__(self, flip):
        for name in ("zyxw" if flip else "wxyz"):
            setattr(self, name, [name])


def instances():
    made = [Plain(i) for i in range(50)]
    looked_into = [Plain(i) for i in range(10)]
    for each in looked_into:
        vars(each)
    deleted = [Plain(i) for i in range(10)]
    for each in deleted:
        del each.number
    replaced = Plain(1)
    replaced.__dict__ = {"other": [1], 3: "not a name"}
    emptied = Plain(2)
    emptied.__dict__.clear()
    extended = [Plain(3), Plain(4)]
    for i in range(40):
        setattr(extended[0], "late_%d" % i, [i])
    extended[1].__dict__[5] = "by the dict"
    kept_dict = Plain(6).__dict__  # outlives its instance
    shared = Plain(7)
    other = Plain(8)
    other.__dict__ = shared.__dict__
    return [made, looked_into, deleted, replaced, emptied, extended, kept_dict, shared, other,
            [Wide(n) for n in (1, 5, 6, 29, 30, 31, 64, 300)], [InAnyOrder(i % 2) for i in range(6)]]


def slotted():
    both, weak, of_dict = SlotsAndDict(1), SlotsWithWeakref(2), SlotsOfDict()
    both.extra = [both]
    of_dict.one, of_dict.two = [1], [2]
    return [Slots(0), Slots(1), both, weak, weakref.ref(weak), of_dict, SlotsOfDict()]


def of_builtins():
    """A class of every built-in base, without and with a dict in use, and with slots where the base allows it."""
    made = []
    for base, argument in ((int, 10 ** 20), (float, 2.5), (complex, 1j), (str, "texté"), (bytes, b"bytes"), (bytearray, b"grow"),
                           (tuple, (1, [2])), (list, [1, [2]]), (dict, {"a": [1]}), (set, (1, "b")), (frozenset, (2, "c")),
                           (Exception, "why"), (OSError, "what"), (KeyError, "key"), (property, len), (staticmethod, len),
                           (classmethod, len), (type(sys), "a_module"), (enumerate, "ab"), (reversed, "ab"), (super, Plain)):
        plain = type("Plain_" + base.__name__, (base,), {"own": [1]})
        made.append(plain(argument))
        with_attributes = plain(argument)
        with_attributes.attribute, with_attributes.itself = [2], with_attributes
        made.append(with_attributes)
        try:
            made.append(type("Empty_" + base.__name__, (base,), {"__slots__": ()})(argument))
            slots = type("Slots_" + base.__name__, (base,), {"__slots__": ("first", "second")})
            slots_in_use = slots(argument)
            slots_in_use.second = [3]
            made.append(slots_in_use)
            deeper = type("Deeper_" + base.__name__, (slots,), {})(argument)
            deeper.first, deeper.third = [4], [5]
            made.append(deeper)
        except (TypeError, AttributeError):  # this base allows no slots
            continue
    return made


class Meta(type):
    def __new__(mcs, name, bases, namespace, **more):
        cls = super(Meta, mcs).__new__(mcs, name, bases, namespace)
        cls.more = more
        return cls

    def __getattribute__(cls, name):  # whoever asks a class of this kind by name runs this
        return super(Meta, cls).__getattribute__(name)


class Made(metaclass=Meta, word=[1]):
    pass


class Diamond1(Plain):
    pass


class Diamond2(Plain):
    pass


class Diamond(Diamond1, Diamond2, metaclass=abc.ABCMeta):
    @abc.abstractmethod
    def missing(self):
        pass

    @property
    def both(self):
        return self

    @both.setter
    def both(self, value):
        self.value = value

    @staticmethod
    def nothing():
        return __class__

    @classmethod
    def cls(cls):
        return cls


class Descriptor(object):
    def __get__(self, instance, owner):
        return [instance]

    def __set_name__(self, owner, name):
        self.owner, self.name = owner, name


class Described(object):
    field = Descriptor()


class Sized(object):
    """Its size is told by Python code, which nobody may run from outside."""

    def __sizeof__(self):
        return 12345


class Named(object):
    pass


class Number(enum.Enum):
    ONE = 1
    TWO = [2]


class Flags(enum.IntFlag):
    A = 1
    B = 2
    C = 4


class Pair(typing.NamedTuple):
    left: list
    right: object = None


T = typing.TypeVar("T")


class Box(typing.Generic[T]):
    def __init__(self, item):
        self.item = item


def odd_classes():
    Named.__module__ = 5  # no text: the type is called by its qualname alone
    local = type("Löcal", (Plain,), {"__qualname__": "deep.<locals>.Löcal"})
    reassigned = Plain(9)
    reassigned.__class__ = Diamond1
    namespace = {"x%d" % i: [i] for i in range(200)}
    made = [Made, Made(), Named(), local(1), reassigned, type("Large", (), namespace)(), Described(), Sized(),
            Number.ONE, Flags.A | Flags.C, Pair([1], 2), Box([1]), Box[int], typing.List[int], typing.Optional[T],
            Diamond, type("Hollow", (Diamond,), {"missing": None})(1), super(Diamond1, reassigned)]
    made.append(dataclasses.make_dataclass("Data", [("a", int), ("b", list, dataclasses.field(default_factory=list))])(1))
    if sys.version_info >= (3, 12):
        space = {}
        exec("class New[X]:\n  def m[Y](self, y: Y) -> X: return y\ntype Alias[Z] = list[Z] | int\ndef f[*A, **P](): pass", space)
        made.extend([space, space["New"](), space["New"][int], space["Alias"][int]])
    return made


def referenced_weakly():
    target = Plain(1)
    calls = []
    refs = [weakref.ref(target), weakref.ref(target, calls.append), weakref.proxy(target), weakref.ref(Plain)]
    dead = weakref.ref(Plain(2))
    keyed, valued = weakref.WeakKeyDictionary(), weakref.WeakValueDictionary()
    keyed[target], valued["a"] = [1], target
    members = weakref.WeakSet([target, Plain])
    weakref.finalize(target, calls.append, [1])
    return [target, refs, dead, keyed, valued, members, weakref.WeakMethod(target.__init__), calls]


class Finalized(object):
    def __init__(self):
        self.me = self

    def __del__(self):
        pass


for build in (instances, slotted, of_builtins, odd_classes, referenced_weakly):
    keep[build.__name__] = build()
keep["finalized"] = [Finalized() for _ in range(3)]

truth.hold()
