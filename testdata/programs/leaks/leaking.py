"""How the programs of this folder run: each has a leak(i), which is called so many times as a service would, once a
request; then the program is ready and waits until standard input ends. A line on standard input, a number, makes it
leak so many times more; it answers with a line. Python 3.7 to 3.15.
"""
import os
import signal
import sys


def run(leak, times=1000):
    signal.alarm(900)
    for i in range(times):
        leak(i)
    hold(leak, times)


def hold(leak, done):
    os.write(1, b"READY\n")
    while True:
        line = os.read(0, 4096)
        if not line:
            os._exit(0)
        more = int(line)
        for i in range(done, done + more):
            leak(i)
        done += more
        os.write(1, b"DONE\n")
