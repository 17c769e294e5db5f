"""Runs a command on a terminal and prints what it printed there.

usage: on_terminal.py COLUMNS [--slow SECONDS] COMMAND...

--slow stops the command for so long once it has begun, as a machine does that has other things to do.
"""
import fcntl
import os
import pty
import signal
import struct
import sys
import termios
import time


def main():
    columns, command = int(sys.argv[1]), sys.argv[2:]
    slow = 0.0
    if command[0] == "--slow":
        slow, command = float(command[1]), command[2:]
    child, terminal = pty.fork()
    if child == 0:
        # Set by the child, before the command asks.
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        os.environ.update(TERM="xterm", NO_COLOR="1", LC_ALL="C.UTF-8")
        os.execv(command[0], command)
    if slow:
        time.sleep(0.1)
        os.kill(child, signal.SIGSTOP)
        time.sleep(slow)
        os.kill(child, signal.SIGCONT)
    said = b""
    while True:
        try:
            more = os.read(terminal, 65536)
        except OSError:  # EIO: the child has ended
            break
        if not more:
            break
        said += more
    _, status = os.waitpid(child, 0)
    sys.stdout.write(said.decode("utf-8", "replace").replace("\r\n", "\n"))
    sys.stdout.flush()
    return status >> 8 if status & 0xff == 0 else 128 + (status & 0x7f)


sys.exit(main())
