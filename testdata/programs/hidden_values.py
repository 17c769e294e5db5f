"""Values that nobody else may see, in every place where a program has some. usage: hidden_values.py FILE SECRET

FILE gets a line for each: what it is, and in hex the bytes that it has in memory, one form behind the other. SECRET, an
argument that is one, is among them.

Python 3.7 to 3.15.
"""
import array
import collections
import ctypes
import datetime
import decimal
import io
import logging
import os
import random
import re
import struct
import sys
import threading
import uuid

import truth

chosen = random.Random(11)
forms = []


def note(what, *more):
    forms.append("%s\t%s\n" % (what, " ".join(each.hex() for each in more)))


def text(what, letters):
    made = "".join(chosen.choice(letters) for _ in range(40))
    note(what, made.encode("utf-8"), *([made.encode("latin-1")] if max(made) < "\u0100" else []) +
         [made.encode("utf-16-le"), made.encode("utf-32-le")])
    return made


def ascii(what):
    return text(what, "bcdfghjkmnpqrstvwxyz0123456789-+")


def number(what, bits):
    made = chosen.getrandbits(bits) | 1 << (bits - 1)
    digits = [made >> at & (1 << 30) - 1 for at in range(0, bits, 30)]
    note(what, struct.pack("<%dI" % len(digits), *digits), made.to_bytes((bits + 7) // 8, "little"))
    return made


def data(what):
    made = bytes(chosen.getrandbits(8) for _ in range(40))
    note(what, made)
    return made


def real(what):
    made = chosen.uniform(1e9, 1e10)
    note(what, struct.pack("<d", made))
    return made


class Text(str):
    pass


class Number(int):
    pass


class Real(float):
    pass


class Bytes(bytes):
    pass


class Slots(object):
    __slots__ = ("token", "price")


class Account(object):
    held_by_class = ascii("class attribute")

    def __init__(self):
        self.password = ascii("attribute")
        self.pin = number("int", 61)
        self.balance = real("float")
        self.key = data("bytes")
        self.by_user = {ascii("dict key"): ascii("dict value"), number("int key", 58): None, data("bytes key"): 1,
                        real("float key"): 2, (ascii("tuple in a key"),): 3}
        self.members = {ascii("set element"), number("int of a set", 57), real("float of a set")}
        self.frozen = frozenset([ascii("frozenset element")])
        self.slots = Slots()
        self.slots.token, self.slots.price = ascii("slot"), real("float slot")


def closure(secret):
    return lambda: secret


def default(secret=ascii("default")):
    return secret


def waiting():
    hidden = ascii("generator's local")
    yield hidden


account = Account()
texts = [text("latin-1", "\u00e4\u00f6\u00fc\u00df\u00e9\u00e8\u00ea\u00f1xyzw"), text("ucs2", "".join(map(chr, range(0x3b1, 0x3c9)))),
         text("ucs4", "".join(map(chr, range(0x1f600, 0x1f640)))), Text(ascii("str subclass"))]
numbers = [number("big int", 301), Number(number("int subclass", 200)), -number("negative int", 90),
           Real(real("float subclass")), complex(real("complex"), real("imaginary"))]
# Values whose attributes stand beside them, in each place that versions have for that.
with_attributes = [Text(ascii("str with attributes")), Bytes(data("bytes with attributes")), Real(real("float with attributes")),
                   Bytes(b""), Text("")] + [Number(each) for each in (0, number("int with attributes", 59),
                                                                      -number("negative int with attributes", 120))]
for each in with_attributes:
    each.of_a_value = [ascii("attribute of a value")]
# Texts that have a copy in UTF-8 and, up to 3.11, one of wchar_t, as calls into C leave them.
copied = [text("text with a UTF-8 copy %d" % i, "\u00e4\u00f6\u00fc\u00df\u00e9\u00e8\u00ea\u00f1") for i in range(10)]
for each in copied:
    ctypes.pythonapi.PyUnicode_AsUTF8(ctypes.py_object(each))
    if sys.version_info < (3, 12):
        ctypes.pythonapi.PyUnicode_AsUnicode(ctypes.py_object(each))
buffers = [bytearray(data("bytearray")), memoryview(data("memoryview")), array.array("d", [real("array")] * 9),
           io.BytesIO(data("BytesIO")), io.StringIO(ascii("StringIO"))]
others = [datetime.datetime(2031, 7, 9), decimal.Decimal(number("decimal", 150)), uuid.UUID(int=number("uuid", 127)),
          re.compile(ascii("pattern")), ValueError(ascii("exception")), collections.deque([ascii("deque")]),
          closure(ascii("closure")), range(number("range", 61)), slice(ascii("slice"), None),
          logging.LogRecord("app", 20, "app.py", 1, ascii("log record"), (ascii("log argument"),), None)]
os.environ["APP_TOKEN"] = ascii("environment")
generator = waiting()
next(generator)
named = [threading.Thread(target=threading.Event().wait, name=ascii("name of a thread"), daemon=True) for _ in range(2)]
for each in named:
    each.start()
named[1]._name = Text(ascii("name of a thread that is no plain str"))
local = threading.local()
local.token = ascii("thread local")
gone = [ascii("dropped %d" % i) for i in range(10)]
del gone[::2], gone
sys.modules["app"] = None
# Without them, and where truth.py has arguments of its own, nobody asks.
own = [] if "--truth" in sys.argv else sys.argv[1:]
if len(own) > 1:
    note("argument", own[1].encode())


def handle(request):
    cookie = ascii("local variable")
    if own:
        with open(own[0], "w") as file:
            file.writelines(forms)
    truth.hold()
    return cookie, request


handle(ascii("argument of a function"))
