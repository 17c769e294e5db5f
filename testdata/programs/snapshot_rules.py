"""An object of each kind that has bytes of its own in a snapshot, or has them hidden. What may not be in one without values
begins with "secret".

Python 3.7 to 3.15.
"""
import array
import re
import threading

import truth


class Text(str):
    pass


class Data(bytes):
    pass


class Number(int):
    pass


class Real(float):
    pass


class Pair(complex):
    pass


texts = ["secret of one byte a character " + "x" * 40, u"secret \u0416 of two " + u"\u0416" * 40, u"secret \U0001f600 of four" + u"\U0001f600" * 40,
         Text("secret of a class of texts " + "y" * 40), Text(u"secret \u0416 of such a class")]
data = [b"secret bytes " + b"z" * 50, Data(b"secret bytes of a class " + b"z" * 51), bytearray(b"secret bytes in a buffer " + b"z" * 52)]
numbers = [3 ** 200, -3 ** 201, 123456789, Number(3 ** 202), Number(-77), Number(0), 1.25e300, Real(2.5e300), complex(3.5e300, 4.5e300),
           Pair(5.5e300, 6.5e300)]
for each in (texts[3], data[1], numbers[3], numbers[5]):
    each.attribute = ["secret beside a value"]
dicts = [{123456789: "secret of a table", "secret key of a table " + "k" * 30: 1}, dict.fromkeys(range(100))]
sets = [{987654321, "secret of a set"}, frozenset(["secret of a frozen set", 1.5])]
sets[0].add("gone")
sets[0].discard("gone")
patterns = [re.compile("secret [a-f]+ of a pattern" + "p" * 30)]
arrays = [array.array("d", [7.5e300] * 9)]
moment = __import__("time").localtime(1)
waiting = threading.Thread(target=threading.Event().wait, name="secret name of a thread", daemon=True)
waiting.start()


def handle():
    local = "secret local " + "l" * 30
    truth.hold()
    return local


handle()
