"""Secrets where --cut-values must not leave them: behind the cut of a value, in freed memory, between objects, in the environment
and among the arguments. usage: cut_values.py FILE ARGUMENT, with APP_TOKEN in the environment

FILE gets a line for each: what it is, and the secret in hex, in each form that memory can have. Every value begins with at least
600 harmless bytes; ARGUMENT and APP_TOKEN do so too, and end in their secret, 24 characters.

Python 3.7 to 3.15.
"""
import array
import collections
import ctypes
import io
import os
import random
import struct
import sys

import truth

chosen = random.Random(5)
forms = []
HARMLESS = 600


def note(what, *more):
    forms.append("%s\t%s\n" % (what, " ".join(each.hex() for each in more)))


def secret(what):
    made = "".join(chosen.choice("bcdfghjkmnpqrstvwxyz0123456789-+") for _ in range(24))
    note(what, made.encode(), made.encode("utf-16-le"), made.encode("utf-32-le"))
    return made


class Text(str):
    pass


class Data(bytes):
    pass


class Plain(object):
    pass


def behind(what):
    return "." * HARMLESS + secret(what)


plain = Plain()
plain.text = behind("str")
plain.wide = u"\u0416" * HARMLESS + secret("str of two bytes a character")
plain.wider = u"\U0001f600" * HARMLESS + secret("str of four bytes a character")
plain.derived = Text(behind("str subclass"))
plain.data = b"." * HARMLESS + secret("bytes").encode()
plain.derived_data = Data(b"." * HARMLESS + secret("bytes subclass").encode())
plain.buffer = bytearray(b"." * HARMLESS + secret("bytearray").encode())
plain.array = array.array("B", b"." * HARMLESS + secret("array").encode())
plain.io = io.BytesIO(b"." * HARMLESS + secret("BytesIO").encode())
plain.string_io = io.StringIO("." * HARMLESS + secret("StringIO"))
plain.key = {behind("dict key"): behind("dict value")}
plain.members = {behind("set element"), (behind("tuple element"),)}
plain.queue = collections.deque([behind("deque element")])
plain.error = ValueError(behind("exception"))
plain.number = int.from_bytes(bytes(chosen.getrandbits(8) for _ in range(1000)), "little") | 1 << 7999
digits = []
rest = plain.number
while rest:
    digits.append(rest & (1 << 30) - 1)
    rest >>= 30
note("int", struct.pack("<%dI" % 8, *digits[-8:]))
plain.raw = ctypes.create_string_buffer(b"." * HARMLESS + secret("ctypes buffer").encode())

# Freed: of every size that has free lists, alone among neighbours that stay.
kept, gone = [], []
for i in range(10):
    size = 8 + 48 * i
    kept.append("neighbour %d" % i + "n" * size)
    gone.append((secret("freed str %d" % i) + "g" * size, secret("freed bytes %d" % i).encode() + b"g" * size))
for i in range(2):
    gone.append([secret("freed item %d" % i)] * 50)
del gone
local = behind("local variable")
note("environment", os.environ.get("APP_TOKEN", "")[-24:].encode(), os.environ.get("APP_TOKEN", "")[-24:].encode("utf-32-le"))
note("argument", sys.argv[2][-24:].encode(), sys.argv[2][-24:].encode("utf-32-le")) if len(sys.argv) > 2 else None
if len(sys.argv) > 2 and sys.argv[1] != "--truth":
    with open(sys.argv[1], "w") as file:
        file.writelines(forms)
del forms, digits, rest


def handle():
    hidden = behind("local of a function") if len(sys.argv) < 0 else local
    truth.hold()
    return hidden


handle()
