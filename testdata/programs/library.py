"""Most of the standard library imported, and a little of it in use."""
import importlib
import sys

import truth

NAMES = """abc aifc argparse array ast asyncio base64 bdb binascii bisect bz2 calendar cmath cmd code codecs codeop collections
colorsys compileall concurrent.futures configparser contextlib contextvars copy copyreg cProfile csv ctypes ctypes.util curses
dataclasses datetime dbm dbm.dumb decimal difflib dis doctest email email.mime.text email.policy enum errno faulthandler fcntl
filecmp fileinput fnmatch fractions ftplib functools gettext glob graphlib grp gzip hashlib heapq hmac html html.parser
http.client http.cookies http.server imaplib inspect io ipaddress itertools json keyword linecache locale logging
logging.config logging.handlers lzma mailbox math mimetypes mmap modulefinder multiprocessing multiprocessing.managers netrc
numbers opcode operator optparse os parser pathlib pdb pickle pickletools pkgutil platform plistlib poplib posixpath pprint
profile pstats pty pwd py_compile pyclbr pydoc pyexpat queue quopri random re readline reprlib resource rlcompleter runpy
sched secrets select selectors shelve shlex shutil signal site smtplib socket socketserver sqlite3 ssl stat statistics string
stringprep struct subprocess symtable syslog tarfile tempfile termios textwrap threading timeit token tokenize tomllib trace
traceback tracemalloc tty types typing unicodedata unittest unittest.mock urllib.request urllib.robotparser uuid venv warnings
wave weakref webbrowser wsgiref.simple_server xml.dom.minidom xml.etree.ElementTree xml.parsers.expat xml.sax
xmlrpc.client zipapp zipfile zipimport zlib zoneinfo""".split()

keep = {"modules": []}
for name in NAMES:
    try:
        keep["modules"].append(importlib.import_module(name))
    except ImportError:  # of another version, or left out of this build
        pass
loaded = sys.modules


def database():
    import sqlite3
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    connection.create_function("twice", 1, lambda x: 2 * x)
    connection.execute("create table t (a, b)")
    connection.executemany("insert into t values (?, ?)", [(i, str(i)) for i in range(100)])
    cursor = connection.execute("select a, b, twice(a) from t")
    return connection, cursor, cursor.fetchone(), cursor.fetchmany(5)


def documents():
    import xml.dom.minidom
    import xml.etree.ElementTree as tree
    import xml.parsers.expat
    source = "<a x='1'><b>text</b><c/><!-- note -->tail</a>"
    parser = xml.parsers.expat.ParserCreate()
    parser.StartElementHandler = lambda *what: None
    parser.Parse(source, True)
    root = tree.fromstring(source)
    return tree.ElementTree(root), root.find("b"), iter(root), root.iter(), tree.TreeBuilder(), tree.XMLParser(), parser, \
        xml.dom.minidom.parseString(source)


def texts():
    import csv
    import email
    import io
    import json
    import string
    import unicodedata
    return (csv.reader(["a,b"]), csv.writer(io.StringIO()), csv.get_dialect("excel"), email.message_from_string("A: b\n\nc"),
            json.loads('{"a": [1, {"b": null}]}'), string.Template("$a"), unicodedata.ucd_3_2_0)


def packed():
    import bz2
    import hashlib
    import lzma
    import zlib
    return [bz2.BZ2Compressor(), lzma.LZMADecompressor(), zlib.compressobj(), hashlib.sha1(), hashlib.blake2b(), hashlib.sha3_256()]


def secured():
    import ssl
    context = ssl.create_default_context()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if hasattr(ssl, "PROTOCOL_TLS_SERVER") else ssl.PROTOCOL_TLS)
    server.sni_callback = lambda *what: None
    ends = ssl.MemoryBIO(), ssl.MemoryBIO()
    return context, server, ends, context.wrap_bio(ends[0], ends[1], server_hostname="localhost")


def logged():
    import logging.config
    logging.config.dictConfig({"version": 1, "formatters": {"f": {"format": "%(message)s"}},
                               "handlers": {"h": {"class": "logging.StreamHandler", "formatter": "f"}},
                               "loggers": {"a.b.c": {"handlers": ["h"], "level": "INFO"}}})
    return logging.getLogger("a.b.c"), logging.LoggerAdapter(logging.getLogger("a"), {"k": [1]})


def parsed():
    import argparse
    import ast
    import symtable
    parser = argparse.ArgumentParser()
    parser.add_argument("--flag", action="store_true")
    return parser, parser.parse_args([]), ast.parse("def f(x, *y):\n return [x for x in y]"), symtable.symtable("a = 1", "f", "exec")


for build in (database, documents, texts, packed, secured, logged, parsed):
    try:
        keep[build.__name__] = build()
    except (ImportError, AttributeError):
        pass

truth.hold()
