"""What top takes, and what the process that it looks at loses: for scripts/bench --top."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

PROGRAM = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "testdata", "programs", "busy.py")


class Service:
    def __init__(self, python, objects):
        self.process = subprocess.Popen([python, "-B", PROGRAM, str(objects)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "READY\n":
            sys.exit("bench: the service did not get ready")

    def figures(self):
        """Since the last time."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        self.process.wait(60)


def run_top(program, pid, seconds, arguments):
    """Processor seconds of top with its helpers, over how many seconds, and how many samples it showed."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update({"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"})
        os.execv(program, [program, "top", str(pid)] + arguments)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    os.kill(child, signal.SIGWINCH)
    began, screen = time.monotonic(), b""
    while time.monotonic() < began + seconds:
        if select.select([terminal], [], [], 0.2)[0]:
            screen += os.read(terminal, 1 << 16)
    os.kill(child, signal.SIGWINCH)  # all of the screen anew
    time.sleep(0.5)
    last = os.read(terminal, 1 << 18).decode("utf-8", "replace")
    os.write(terminal, b"q")
    while True:
        try:
            if not os.read(terminal, 1 << 16):
                break
        except OSError:
            break
    _, status, usage = os.wait4(child, 0)
    if status != 0:
        sys.exit("bench: top ended with %d: %s" % (status, last[-500:]))
    samples = re.findall(r"sample ([\d,]+)", last)
    return usage.ru_utime + usage.ru_stime, time.monotonic() - began, int(samples[-1].replace(",", "")) if samples else 0


def pauses(program, pid, seconds):
    said = subprocess.run([program, "watch", str(pid), "--freeze", "precopy", "--interval", "1s", "--duration", "%ds" % seconds,
                           "--format", "json"], stdout=subprocess.PIPE, check=True, text=True).stdout
    return [json.loads(line)["pause_ms"] for line in said.splitlines()]


def top_table(options, print_table):
    service = Service(options.python, options.objects)
    pid = service.process.pid
    time.sleep(2)
    service.figures()
    rows = [("", "samples", "a sample every s", "% of a processor", "late requests %", "target's cpu us a request")]

    def row(name, samples, every, share):
        told = service.figures()
        rows.append((name, samples, every, share, "%.2f" % (100 * told["late_seconds"] / told["seconds"]),
                     "%.1f" % (1e6 * told["cpu_seconds"] / told["requests"])))

    quiet = max(options.seconds // 2, 10)
    time.sleep(quiet)
    row("alone", "", "", "")
    for arguments in (["--share", "0"], ["--share", "2"], []):
        cpu, seconds, samples = run_top(options.program, pid, options.seconds, arguments)
        row(" ".join(["top"] + arguments), str(samples), "%.2f" % (seconds / max(samples, 1)), "%.1f" % (100 * cpu / seconds))
    time.sleep(quiet)
    row("alone", "", "", "")
    each = pauses(options.program, pid, 30)
    service.end()
    print_table(rows)
    print("\nPauses of %d samples by precopy, a second apart: median %.1f ms, longest %.1f ms, %.2f %% of the time."
          % (len(each), sorted(each)[len(each) // 2], max(each), sum(each) / 10 / len(each)))
