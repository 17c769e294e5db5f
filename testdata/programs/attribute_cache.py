"""Attribute names that C code asks for by a char*, which only the interpreter's cache of attributes keeps.

usage: attribute_cache.py
"""
import ctypes
import sys


class Plain:
    pass


def ask(plain, name):
    found = ctypes.pythonapi.PyObject_HasAttrString
    found.argtypes = [ctypes.py_object, ctypes.c_char_p]
    assert found(plain, name) == 0


def main():
    # The slot of a name is that of its address: one that took the block of the name before would take its slot as well. As
    # long as a name, these take such blocks.
    between = []
    plain = Plain()
    for number in range(3000):
        ask(plain, b"asked_by_c_code_%d" % number)
        between.append("kept_by_python__%d" % number)
    print("READY", flush=True)
    sys.stdin.read()


main()
