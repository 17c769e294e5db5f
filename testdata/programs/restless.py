"""Does over and over what takes its memory or its threads away from whoever looks. usage: restless.py execs|forks|threads

execs    becomes itself anew, with the memory of a new process under the same id, 40 times
forks    makes children, that end at once, and checks how each has ended
threads  starts threads, that end at once

Asked any byte, it answers + when it has done so since, or when it is done.
"""
import os
import select
import sys
import threading

kind = sys.argv[1]
left = int(sys.argv[2]) if len(sys.argv) > 2 else 40
held = [{"number": number, "in": [number, str(number)]} for number in range(20000 if kind == "execs" else 60000)]


def become_anew():
    if left > 0:
        os.execv(sys.executable, [sys.executable, "-B", __file__, kind, str(left - 1)])


def have_children():
    for _ in range(3):
        child = os.fork()
        if child == 0:
            os._exit(7)
        pid, status = os.waitpid(child, 0)
        if pid != child or not os.WIFEXITED(status) or os.WEXITSTATUS(status) != 7:
            raise SystemExit("child %d ended with %d" % (pid, status))


def have_threads():
    threads = [threading.Thread(target=held.__len__) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if len(sys.argv) == 2:
    os.write(1, b"READY\n")
once = {"execs": become_anew, "forks": have_children, "threads": have_threads}[kind]
while True:
    once()  # the last of those that become another comes back, and answers
    if select.select([0], [], [], 5 if kind == "execs" else 0)[0]:
        if not os.read(0, 1):
            break
        once()
        os.write(1, b"+")
