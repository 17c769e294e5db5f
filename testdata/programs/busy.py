"""A service that is always at work: a million objects, of which each request makes some anew and keeps a few.

usage: busy.py OBJECTS

Serves one request after another, some 100 microseconds each, and sleeps a millisecond after every ten. Each line on its standard input is
answered with a line of JSON about the time since the line before: requests, seconds, cpu_seconds of its own, and
late_seconds, by which requests took longer than a millisecond more than most.
"""
import json
import select
import sys
import time


class Item:
    __slots__ = ("name", "value")

    def __init__(self, number):
        self.name = "item %d" % number
        self.value = [number]


def serve(store, kept, done):
    for _ in range(40):
        done += 1
        store[done % len(store)] = Item(done)
        if done % 400 == 0:
            kept.append(Item(done))
    return done


store = {i: Item(i) for i in range(int(sys.argv[1]) // 5)}
kept, done = [], 0
print("READY", flush=True)
times, began, began_cpu = [], time.perf_counter(), time.process_time()
while True:
    for _ in range(10):
        start = time.perf_counter()
        done = serve(store, kept, done)
        times.append(time.perf_counter() - start)
    time.sleep(0.001)
    if not select.select([sys.stdin], [], [], 0)[0]:
        continue
    if not sys.stdin.readline():
        break
    usual = sorted(times)[len(times) // 2]
    late = sum(each - usual for each in times if each > usual + 0.001)
    print(json.dumps({"requests": len(times), "seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - began_cpu,
                      "late_seconds": late}), flush=True)
    times, began, began_cpu = [], time.perf_counter(), time.process_time()
