"""Whether what heapglass wrote hides anything: an independent reading of each format.

usage: check_hidden.py NAMES KIND=FILE...

NAMES is what testdata/programs/hostile_names.py wrote. KIND is text, json, jsonl, exact-json (json with every one of NAMES among its
texts), csv, raw-csv, dot, svg, xml, png, pdf, speedscope, pprof, sqlite, parquet, openmetrics. Prints what is wrong, a line each, and
exits 1; else how many characters were looked at.
"""
import csv
import gzip
import io
import json
import os
import re
import sqlite3
import sys
import unicodedata
import xml.etree.ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs"))
from read_pprof import varint  # noqa: E402

csv.field_size_limit(1 << 30)

# Default_Ignorable_Code_Point of Unicode 15 (DerivedCoreProperties.txt), as a regular expression of its own.
IGNORABLE = re.compile(u"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
                       u"\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]")
SEEN_FORMATS = set(u"\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
COMPUTED = tuple(u"=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
looked_at = 0
wrong = []


def complain(file, what):
    wrong.append("%s: %s" % (file, what))


def is_hidden(c):
    if " " <= c <= "~":
        return False
    code = ord(c)
    return (unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or bool(IGNORABLE.match(c)) or code & 0xfffe == 0xfffe or 0xfdd0 <= code <= 0xfdef
            or unicodedata.category(c) == "Cf" and c not in SEEN_FORMATS)


def look(file, text, allowed=u"\n"):
    global looked_at
    looked_at += len(text)
    for c in sorted(filter(is_hidden, set(text).difference(allowed))):
        at = text.index(c)
        complain(file, "U+%04X raw in %r" % (ord(c), text[max(at - 40, 0):at + 20]))


def decoded(file, data):
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        complain(file, "no UTF-8: %s near %r" % (error, data[max(error.start - 30, 0):error.start + 10]))
        return data.decode("utf-8", "replace")


def texts_of(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield key
            for text in texts_of(each):
                yield text
    elif isinstance(value, list):
        for each in value:
            for text in texts_of(each):
                yield text


def of_json(file, data, lines=False, exact=()):
    text = decoded(file, data)
    look(file, text)
    seen = set()
    for part in text.splitlines() if lines else [text]:
        seen.update(texts_of(json.loads(part)))
    for name in exact:
        if name not in seen:
            complain(file, "does not decode to %r" % name[:80])


def of_csv(file, data, raw=False):
    text = decoded(file, data)
    if raw:
        rows = list(csv.reader(io.StringIO(text, newline="")))
        return rows
    look(file, text, u"\r\n")
    if u"\r" in text.replace(u"\r\n", u"") or u"\n" in text.replace(u"\r\n", u""):
        complain(file, "a line that does not end in CR LF")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    for row in rows:
        for cell in row:
            if cell.lstrip(u" \u3000\u00a0\"").startswith(COMPUTED):
                try:
                    float(cell)
                except ValueError:
                    complain(file, "a spreadsheet computes %r" % cell[:80])
            if cell.lstrip(u" \u3000\u00a0\"'").startswith(COMPUTED) and not cell.startswith("'"):
                try:
                    float(cell)
                except ValueError:
                    complain(file, "a spreadsheet computes %r" % cell[:80])
    return rows


def of_pprof(file, data):
    data, at = gzip.decompress(data), 0
    texts = 0
    while at < len(data):
        tag, at = varint(data, at)
        size, at = varint(data, at)
        if tag & 7 == 0:
            continue
        if tag >> 3 == 6:  # string_table
            look(file, decoded(file, data[at:at + size]), u"")
            texts += 1
        at += size
    if texts < 20:
        complain(file, "has %d texts" % texts)


def of_sqlite(file, path):
    db = sqlite3.connect(path)
    db.text_factory = bytes
    seen = 0
    for table, in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        for row in db.execute('SELECT * FROM "%s"' % table.decode()):
            for cell in row:
                if isinstance(cell, bytes):  # text: exactly what the target has, as far as UTF-8 can have it
                    decoded(file, cell)
                    seen += 1
    if seen < 1000:
        complain(file, "has %d texts" % seen)


def of_openmetrics(file, data):
    text = decoded(file, data)
    look(file, text)
    label = r'[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*"'
    sample = re.compile(r"heapglass_\w+(?:\{%s(?:,%s)*\})? -?[0-9.e+-]+$" % (label, label))
    names = set()
    for line in text[:-1].split("\n"):
        if not line.startswith("# ") and not sample.match(line):
            complain(file, "no sample: %r" % line[:120])
        if not line.startswith("#") and line.rsplit(" ", 1)[0] in names:
            complain(file, "twice: %r" % line[:120])
        names.add(line.rsplit(" ", 1)[0])


def check(kind, path, names):
    with open(path, "rb") as file:
        data = file.read()
    if kind == "text":
        look(path, decoded(path, data))
    elif kind in ("json", "speedscope"):
        of_json(path, data)
    elif kind == "jsonl":
        of_json(path, data, lines=True)
    elif kind == "exact-json":
        of_json(path, data, exact=names)
    elif kind == "exact-jsonl":
        of_json(path, data, lines=True, exact=names)
    elif kind == "csv":
        of_csv(path, data)
    elif kind == "raw-csv":
        cells = set(cell for row in of_csv(path, data, raw=True) for cell in row)
        for name in names:
            if not re.search(u"[\ud800-\udfff]", name) and name not in cells:
                complain(path, "has no cell that is exactly %r" % name[:80])
    elif kind == "dot":
        look(path, decoded(path, data), u"\n\t")
    elif kind in ("svg", "xml"):
        look(path, decoded(path, data))
        xml.etree.ElementTree.fromstring(data)
    elif kind in ("png", "pdf"):
        if not data.startswith({"png": b"\x89PNG\r\n", "pdf": b"%PDF-"}[kind]):
            complain(path, "is no " + kind)
    elif kind == "pprof":
        of_pprof(path, data)
    elif kind == "sqlite":
        of_sqlite(path, path)
    elif kind == "openmetrics":
        of_openmetrics(path, data)
    elif kind == "parquet":
        try:
            import pyarrow.parquet
        except ImportError:
            return
        for column in pyarrow.parquet.read_table(path).columns:
            column.validate(full=True)
    else:
        complain(path, "nobody here reads " + kind)


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        names = json.load(file)
    for argument in sys.argv[2:]:
        kind, path = argument.split("=", 1)
        try:
            check(kind, path, names)
        except Exception as error:
            complain(path, "%s cannot be read as %s: %r" % (path, kind, error))
    for line in wrong:
        print(line.encode("ascii", "backslashreplace").decode())
    if wrong or looked_at < 10000:
        sys.exit(1)
    print(looked_at, "characters")
