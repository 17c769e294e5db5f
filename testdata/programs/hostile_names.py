"""Names that attack whoever shows them: a terminal, a spreadsheet, a browser, a scrape. usage: hostile_names.py [FILE]

Types, modules, attributes, keys, functions, files and threads are called so; each name has a word of its own, "nameNN".
FILE gets the names of the types as JSON, exactly.

Python 3.7 to 3.15.
"""
import json
import sys
import threading
import types

import truth

ATTACKS = [
    "{0}", "\x1b]0;{0}\x07\x1b[2J\x1b[31m", "{0}\x9b2J\x85\x80", "{0}\x7f\x01", "\u202e{0}.exe", "\u2066{0}\u2069\u200f\u200e\u061c",
    "{0}\u200b\u200c\u200d\u2060\ufeff", "{0}\xad\u034f\u17b4\u180e", "{0}\u2028\u2029", "{0}\U000e0041\U000e007f\U000e0001",
    "{0}\ufe0f\U000e0100", "{0}\u3164\u115f\uffa0", "{0}\ufff9\ufffb\U0001d173\U00013430", "{0}\ufffe\uffff\ufdd0\U0010ffff",
    "{0}\nsecond\r\ttab", "{0}\x00nul", "{0}\udfff\ud800", "{0}\udc80", "={0}|'/C calc'!A0", "+{0}", "-{0}", "@{0}", "\t={0}", "\r={0}",
    " ={0}", "'={0}", "\"={0}", "\uff1d{0}", "\uff0b{0}", "\uff0d{0}", "\uff20{0}", "\u3000={0}", "<script>{0}</script>&\"'",
    "{0}]]><svg onload=x>", "\\N\\l{0}|{{}}\"; label=\"x\"]; evil [", "{0}\"}} 1\nevil_metric{{x=\"", "`{0}`$(id)|", "%s%n{0}", "\\u202e{0}",
    "{0}" + "x" * 3000, "na\u00efve \u6f22\u5b57 \U0001f600 {0}",
]
NAMES = [attack.format("name%02d" % i) for i, attack in enumerate(ATTACKS)]


class Treasure(object):
    """What pictures lead to."""


def waits(event):
    local = event
    event.wait()
    return local


def called(name):
    """The function that waits, under another name and in another file, as far as this version can."""
    code = waits.__code__
    if hasattr(code, "replace"):
        for change in ({"co_name": name}, {"co_filename": name}, {"co_varnames": ("event", name)}):
            try:
                code = code.replace(**change)
            except (ValueError, UnicodeError):
                pass  # a NUL, or a surrogate where it must be encoded
    return types.FunctionType(code, globals(), "waits")


event = threading.Event()
held = []
told = []
for name in NAMES:
    made = type("Named", (object,), {})
    made.__module__ = made.__qualname__ = name
    told.append(name + "." + name)
    some = [made() for _ in range(20)]
    for each in some:
        each.__dict__[name] = name
        each.treasure = {name: [Treasure(), name.encode("utf-8", "surrogatepass")]}
    module = types.ModuleType(name)
    module.cache = {name: some}
    module.__dict__[name] = Treasure()
    sys.modules[name] = module
    held.append(some)
    thread = threading.Thread(target=called(name), args=(event,), name=name)
    thread.daemon = True
    thread.start()
if len(sys.argv) > 1 and sys.argv[-2] != "--truth":
    with open(sys.argv[1], "w") as file:
        json.dump(told, file)
truth.hold()
