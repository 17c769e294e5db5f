"""Enters a control group and grows there until it is killed: until_killed.py CGROUP.PROCS BYTES_A_SECOND."""
import os
import sys
import time

with open(sys.argv[1], "w") as procs:
    procs.write(str(os.getpid()))
print("READY", flush=True)
sessions = {}
STEP = 65536
began = time.monotonic()
while True:
    number = len(sessions)
    sessions["user:%d" % number] = [os.urandom(STEP // 2), list(range(STEP // 16))]
    ahead = began + number * STEP / float(sys.argv[2]) - time.monotonic()
    if ahead > 0:
        time.sleep(ahead)
