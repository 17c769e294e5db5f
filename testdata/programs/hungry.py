"""Grows on one line and works on another, for --lines.

Prints READY, then for each byte on standard input runs for two seconds and answers with a byte.
"""
import os
import sys
import time

kept = []


def work():
    total = 0
    for i in range(40000):
        total += i * i
    return total


def eat():
    kept.append(bytearray(3000000))  # here it grows


def round_of_both():
    for _ in range(4):
        work()
    eat()


print("READY", flush=True)
while os.read(0, 1):
    until = time.monotonic() + 2
    while time.monotonic() < until and len(kept) < 80:
        round_of_both()
    sys.stdout.write("D")
    sys.stdout.flush()
