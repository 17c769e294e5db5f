"""The table of pauses, for scripts/bench --pause: how long a process stands still, as it notices itself."""
import ctypes
import json
import os
import re
import signal
import statistics
import subprocess
import tempfile
import time

CHECKOUT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
PROGRAM = os.path.join(CHECKOUT, "testdata", "programs", "pause_heap.py")
OWN = ["nothing", "its own fork()"]  # nobody looks: what the clock notices all the same, and what --freeze=fork is bounded by


def modes_of(program):
    """Those that it knows, by what it says to one that there is not; auto is one of the others."""
    said = subprocess.run([program, "info", "1", "--freeze=?"], stderr=subprocess.PIPE).stderr.decode()
    return [mode for mode in re.search(r": use (.*)", said).group(1).replace(" or ", ", ").split(", ") if mode != "auto"]


class Target(object):
    def __init__(self, python, megabytes, library, clock="first"):
        self.process = subprocess.Popen([python, "-B", PROGRAM, str(megabytes), library, clock], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, bufsize=0)
        self.pid = self.process.pid
        if self.process.stdout.readline() != b"READY\n":
            raise SystemExit("bench: the target did not get ready")

    def answer(self, question):
        self.process.stdin.write(question.encode() + b"\n")
        line = b""
        while not line.endswith(b"\n"):
            line += self.process.stdout.readline()
        return line.decode().strip()

    def ask(self, question):
        return int(self.answer(question))

    def gaps(self):
        """(began, ended) of those that its clock noticed since it was last asked, ms."""
        pairs = (each.split("+") for each in self.answer("gaps").split())
        return [(int(start) / 1e6, (int(start) + int(length)) / 1e6) for start, length in pairs]

    def ranges(self):
        """Of the pages that heapglass copies: private, writable, there."""
        words = []
        with open("/proc/%d/maps" % self.pid) as maps, open("/proc/%d/pagemap" % self.pid, "rb", 0) as pagemap:
            for line in maps:
                bounds, mode = line.split()[:2]
                if mode[:2] != "rw" or mode[3] != "p":
                    continue
                start, end = (int(each, 16) for each in bounds.split("-"))
                pagemap.seek(start // 4096 * 8)
                for i, entry in enumerate(memoryview(pagemap.read((end - start) // 4096 * 8)).cast("Q")):
                    if not entry >> 63:
                        continue
                    if words and words[-2] + words[-1] == start + i * 4096:
                        words[-1] += 4096
                    else:
                        words += [start + i * 4096, 4096]
        return words

    def finish(self):
        self.process.stdin.close()
        self.process.wait(60)


def bare(library, target, runs):
    """Milliseconds that reading the same bytes takes on two cores, while the target is stopped by a signal."""
    words = target.ranges()
    ranges = (ctypes.c_uint64 * len(words))(*words)
    library.make_buffer(ctypes.c_uint64(sum(words[1::2])))
    took = []
    for _ in range(runs):
        os.kill(target.pid, signal.SIGSTOP)
        time.sleep(0.02)
        took.append(library.bare_read(target.pid, ranges, ctypes.c_size_t(len(words) // 2)) / 1e6)
        os.kill(target.pid, signal.SIGCONT)
    if min(took) < 0:
        raise SystemExit("bench: the target's memory cannot be read")
    return sum(words[1::2]), took


def longest(gaps):
    return max([end - start for start, end in gaps] + [0])


def without(gaps, others):
    """The longest of the gaps, less what of it lies in one of the others."""
    return max([end - start - sum(max(0, min(end, e) - max(start, s)) for s, e in others) for start, end in gaps] + [0])


def words_of(command, folder):
    """What is run for a command's name: the words, and for a snapshot the file, which then tells of its pause."""
    if command == "snapshot":
        file = os.path.join(folder, "bench.hg")
        return [command, "-o", file], file
    return [command, "--format", "json"], None


def capture(program, target, bystander, mode, words):
    """The longest gap that the target noticed, that a process noticed which nobody looked at, and the target's without what
    the other noticed at the same time; the pause that heapglass tells, all ms; the way it was held."""
    target.gaps(), bystander.gaps()
    told, held_by = 0, mode
    if mode in OWN:
        time.sleep(0.2)
        told = target.ask("fork") / 1e6 if mode == "its own fork()" else 0
    else:
        command, file = words
        done = subprocess.run([program] + command + ["--freeze", mode, str(target.pid)], stdout=subprocess.PIPE, check=True)
        time.sleep(0.01)
    its, others = target.gaps(), bystander.gaps()
    if mode not in OWN:
        if file:
            done = subprocess.run([program, "info", "--format", "json", file], stdout=subprocess.PIPE, check=True)
        answer = json.loads(done.stdout.decode())
        told, held_by = answer["pause_ms"], answer["freeze"]
    return longest(its), longest(others), without(its, others), told, held_by


def pause_table(options, print_table):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "pause_heap.so")
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-pthread", "-o", path, os.path.splitext(PROGRAM)[0] + ".c"], check=True)
        library = ctypes.CDLL(path)
        library.bare_read.restype = ctypes.c_long
        rows = [("copied MB", "target", "command", "held by", "gap ms", "worst", "bystander ms", "own gap ms", "told ms", "bare read ms",
                 "gap / bare")]
        bystander = Target(options.python, 1, path, options.bystander)
        for megabytes in options.megabytes:
            target = Target(options.python, megabytes, path)
            bytes_there, bare_ms = bare(library, target, options.runs)
            median_bare = statistics.median(bare_ms)
            for writes in (False, True):
                if writes:
                    target.ask("write")
                for mode in OWN + options.modes:
                    for command in options.commands if mode not in OWN else [""]:
                        words = words_of(command, folder)
                        runs = [capture(options.program, target, bystander, mode, words) for _ in range(options.runs)]
                        gap, others, own, told = (statistics.median(run[i] for run in runs) for i in range(4))
                        held_by = "/".join(sorted(set(run[4] for run in runs)))
                        rows.append(("%.0f" % (bytes_there / 1e6), "writes" if writes else "idle", command,
                                     mode if held_by == mode else "%s (%s)" % (mode, held_by), "%.2f" % gap,
                                     "%.2f" % max(run[0] for run in runs), "%.2f" % others, "%.2f" % own, "%.2f" % told,
                                     "%.2f" % median_bare, "%.2f" % (gap / median_bare)))
                        print("  ".join(rows[-1]), flush=True)
            target.finish()
        bystander.finish()
        print()
        print_table(rows)
