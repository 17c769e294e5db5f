"""So many threads, each of which waits in its turn. usage: many_threads.py N [SECONDS]: of each wait, 0.2

Asked `a`, it answers A when all of them have come round since.
"""
import os
import sys
import threading
import time

COUNT = int(sys.argv[1])
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 0.2
rounds = [0] * COUNT
threading.stack_size(256 * 1024)


def run(number):
    lock = threading.Lock()
    lock.acquire()
    while True:
        if number % 2:
            time.sleep(SECONDS)
        else:
            lock.acquire(True, SECONDS)
        rounds[number] += 1


for i in range(COUNT):
    threading.Thread(target=run, args=(i,), daemon=True).start()
os.write(1, b"READY\n")
for question in iter(lambda: os.read(0, 1), b""):
    before, deadline = list(rounds), time.monotonic() + 60
    while any(now == then for now, then in zip(rounds, before)) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.write(1, b"?" if any(now == then for now, then in zip(rounds, before)) else b"A")
os._exit(0)
