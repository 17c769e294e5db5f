"""Collects most of the time, as a program that makes cycles does. usage: often_collecting.py

Asked any byte, it answers + when it has collected since.
"""
import gc
import os
import threading

collected = [0]
held = [{"number": i, "list": [i]} for i in range(20000)]


class Node(object):
    def __init__(self, other):
        self.other = other


def collect():
    while True:
        for _ in range(3000):
            a = Node(None)
            a.other = Node(a)
        gc.collect()
        collected[0] += 1


threading.Thread(target=collect, daemon=True).start()
os.write(1, b"READY\n")
for question in iter(lambda: os.read(0, 1), b""):
    before = collected[0]
    while collected[0] == before:
        pass
    os.write(1, b"+")
os._exit(0)
