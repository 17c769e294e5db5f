"""Waits of all kinds, each of which checks itself: none may come back early, late beyond reason, or with EINTR.

usage: undisturbed.py [NUMBERS], which it holds besides, 24 bytes each. Asked `a`, it answers A when every thread has come round since it was last asked. Asked `i`, it
answers the number of times that the one wait that cannot be repaired was interrupted, an epoll_wait with a time limit,
as a line. It ends with its input: with 0, or with 1 and what was wrong on its standard error.

The calls are made by ctypes: Python itself hides EINTR from its callers (PEP 475).
"""
import ctypes
import errno
import os
import select
import signal
import socket
import sys
import threading
import time

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long

ballast = [float(i) for i in range(int(sys.argv[1]) if len(sys.argv) > 1 else 0)]
wrong, rounds, interrupted, threads = [], {}, [0], []
FUTEX, NANOSLEEP, CLOCK_NANOSLEEP, SELECT, POLL, EPOLL_WAIT, SEMGET, SEMOP, SEMCTL, SIGTIMEDWAIT, READ, ACCEPT = (
    202, 35, 230, 23, 7, 232, 64, 65, 66, 128, 0, 43)
IN, IPC_CREAT, IPC_RMID, FUTEX_WAIT_PRIVATE, EPOLL_CTL_ADD = 1, 0o1000, 0, 128, 1


class Time(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("rest", ctypes.c_long)]  # timespec, timeval


class Descriptor(ctypes.Structure):
    _fields_ = [("fd", ctypes.c_int), ("events", ctypes.c_short), ("revents", ctypes.c_short)]


class SemaphoreStep(ctypes.Structure):
    _fields_ = [("number", ctypes.c_ushort), ("by", ctypes.c_short), ("flags", ctypes.c_short)]


def call(number, *arguments):
    """The call's result, or minus its errno."""
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    return -ctypes.get_errno() if result == -1 else result


def check(what, ok, *told):
    if not ok and len(wrong) < 100:
        wrong.append("%s: %s" % (what, ", ".join(map(str, told))))


def expect_result(what, result, expected):
    check(what, result == expected, "returned %d (%s) for %d" % (result, errno.errorcode.get(-result, "no errno"), expected))


def timed(what, seconds, result, expected, began):
    took = time.monotonic() - began
    expect_result(what, result, expected)
    check(what, took >= seconds - 0.0005, "came back after %.4f s instead of %.4f" % (took, seconds))


def repeat(function):
    def run():
        while True:
            try:
                function()
            except Exception as error:
                check(function.__name__, False, repr(error))
                time.sleep(0.01)
            rounds[function.__name__] = rounds.get(function.__name__, 0) + 1
    rounds[function.__name__] = 0
    threads.append(threading.Thread(target=run, daemon=True))
    return function


def later(seconds, function):
    """Calls it from another thread, then gives that thread."""
    def run():
        time.sleep(seconds)
        function()
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


# Waits with a time limit, that nothing ends but time.

@repeat
def sleep():
    began = time.monotonic()
    time.sleep(0.03)
    timed("time.sleep", 0.03, 0, 0, began)


@repeat
def nanosleep():
    began = time.monotonic()
    timed("nanosleep", 0.03, call(NANOSLEEP, ctypes.byref(Time(0, 30000000)), None), 0, began)


@repeat
def clock_nanosleep():
    began = time.monotonic()
    timed("clock_nanosleep", 0.03, call(CLOCK_NANOSLEEP, 1, 0, ctypes.byref(Time(0, 30000000)), None), 0, began)


@repeat
def select_for_time():
    began = time.monotonic()
    timed("select", 0.03, call(SELECT, 0, None, None, None, ctypes.byref(Time(0, 30000))), 0, began)


@repeat
def poll_for_time():
    began = time.monotonic()
    timed("poll", 0.03, call(POLL, None, 0, 30), 0, began)


@repeat
def futex_for_time():
    word = ctypes.c_int(5)
    began = time.monotonic()
    timed("futex", 0.03, call(FUTEX, ctypes.byref(word), FUTEX_WAIT_PRIVATE, 5, ctypes.byref(Time(0, 30000000)), None, 0),
          -errno.ETIMEDOUT, began)


@repeat
def lock_for_time():
    lock = threading.Lock()
    lock.acquire()
    began = time.monotonic()
    timed("Lock.acquire", 0.03, int(lock.acquire(True, 0.03)), 0, began)


# Waits without a limit, that another thread ends.

@repeat
def epoll_wait():
    ends, epoll = socket.socketpair(), select.epoll()
    epoll.register(ends[0], select.EPOLLIN)
    thread, event = later(0.03, lambda: ends[1].send(b"x")), ctypes.create_string_buffer(12)
    expect_result("epoll_wait", call(EPOLL_WAIT, epoll.fileno(), event, 1, -1), 1)
    thread.join()
    epoll.close()
    for end in ends:
        end.close()


@repeat
def poll_without_limit():
    ends = socket.socketpair()
    thread = later(0.03, lambda: ends[1].send(b"x"))
    expect_result("poll without limit", call(POLL, ctypes.byref(Descriptor(ends[0].fileno(), IN, 0)), 1, -1), 1)
    thread.join()
    for end in ends:
        end.close()


@repeat
def read_pipe():
    reading, writing = os.pipe()
    thread, byte = later(0.03, lambda: os.write(writing, b"x")), ctypes.create_string_buffer(1)
    expect_result("read", call(READ, reading, byte, 1), 1)
    thread.join()
    os.close(reading)
    os.close(writing)


@repeat
def accept():
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        thread = later(0.03, lambda: client.connect(server.getsockname()))
        got = call(ACCEPT, server.fileno(), None, None)
        check("accept", got >= 0, "returned %d" % got)
        thread.join()
        if got >= 0:
            os.close(got)


def semop():
    semaphore = call(SEMGET, 0, 1, IPC_CREAT | 0o600)
    down, up = SemaphoreStep(0, -1, 0), SemaphoreStep(0, 1, 0)
    thread = later(0.03, lambda: call(SEMOP, semaphore, ctypes.byref(up), 1))
    expect_result("semop", call(SEMOP, semaphore, ctypes.byref(down), 1), 0)
    thread.join()
    call(SEMCTL, semaphore, 0, IPC_RMID)


if call(SEMCTL, call(SEMGET, 0, 1, IPC_CREAT | 0o600), 0, IPC_RMID) == 0:
    repeat(semop)  # a container may forbid it


@repeat
def sigtimedwait():
    signals, me = ctypes.c_ulong(1 << (signal.SIGUSR2 - 1)), threading.get_ident()
    thread = later(0.03, lambda: signal.pthread_kill(me, signal.SIGUSR2))
    expect_result("rt_sigtimedwait", call(SIGTIMEDWAIT, ctypes.byref(signals), None, None, 8), int(signal.SIGUSR2))
    thread.join()


# What a program does besides.

@repeat
def pieces_through_a_socket():
    ends, sent = socket.socketpair(), os.urandom(200000)
    thread = later(0, lambda: (ends[1].sendall(sent), ends[1].shutdown(socket.SHUT_WR)))
    got = b"".join(iter(lambda: ends[0].recv(5000), b""))
    check("socket", got == sent, "%d bytes of %d" % (len(got), len(sent)))
    thread.join()
    for end in ends:
        end.close()


@repeat
def child_process():
    pid = os.fork()
    if pid == 0:
        os._exit(7)
    ended, status = os.waitpid(pid, 0)
    check("fork", (ended, status) == (pid, 7 << 8), ended, status)
    time.sleep(0.03)


@repeat
def wait_that_is_interrupted():
    epoll, event = select.epoll(), ctypes.create_string_buffer(12)
    if call(EPOLL_WAIT, epoll.fileno(), event, 1, 200) == -errno.EINTR:
        interrupted[0] += 1
    epoll.close()


signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
for each in threads:
    each.start()
os.write(1, b"READY\n")
for question in iter(lambda: os.read(0, 1), b""):
    if question == b"a":
        before, deadline = dict(rounds), time.monotonic() + 60
        while any(rounds[name] == before[name] for name in rounds) and time.monotonic() < deadline:
            time.sleep(0.005)
        still = [name for name in rounds if rounds[name] == before[name]]
        os.write(1, b"?" if still else b"A")
        check("stands still", not still, *still)
    elif question == b"i":
        os.write(1, b"%d\n" % interrupted[0])
for line in wrong:
    sys.stderr.write("undisturbed: %s\n" % line)
sys.stderr.flush()
os._exit(1 if wrong else 0)
