"""It hangs while its interpreter ends, on the line of a finalizer. usage: ending.py modules|builtins|atexit

modules: while sys.modules is emptied; builtins: at the very end, when nothing but the builtins is left; atexit: before
that, in a function that atexit calls.
"""
import atexit
import builtins
import os
import sys
import time


class Hangs(object):
    def __init__(self):
        self.write, self.sleep = os.write, time.sleep  # the modules' globals are gone by then

    def __del__(self):
        self.write(1, b"READY\n")
        self.sleep(1000)  # THE LINE


def hang(which=Hangs()):
    which.__del__()


held = [{"number": [i]} for i in range(3000)]
if sys.argv[1] == "modules":
    sys.modules["kept_to_the_end"] = Hangs()
elif sys.argv[1] == "builtins":
    builtins.kept_to_the_end = Hangs()
    builtins.held_to_the_end = held
else:
    atexit.register(hang)
