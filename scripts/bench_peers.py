"""heapglass beside its peers on the same heap, for scripts/bench --peers: each in its turn, round after round."""
import csv
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

CHECKOUT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
PROGRAM = os.path.join(CHECKOUT, "testdata", "programs", "peer_heap.py")
# What runs inside the target, what looks from outside, and what the target has to be started with.
INSIDE = ("objgraph", "guppy3", "pympler")
OUTSIDE = ("py-spy", "pystack")
AROUND = ("memray",)

# A child's peak memory is never below what its parent had when it made it: a bare Python stands between.
LAUNCHER = r"""
import os, sys, time
null = os.open(os.devnull, os.O_WRONLY)
began = time.perf_counter()
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, 1), (os.POSIX_SPAWN_DUP2, null, 2)])
_, status, usage = os.wait4(pid, 0)
print(time.perf_counter() - began, usage.ru_maxrss, os.WEXITSTATUS(status) if os.WIFEXITED(status) else -1)
"""


class Target:
    def __init__(self, python, objects, packages, options=()):
        self.process = subprocess.Popen([python, "-B", *options, PROGRAM, str(objects), packages], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        if self.process.stdout.readline() != b"READY\n":
            sys.exit("bench: the target did not get ready")
        self.pid = self.process.pid
        self.held = self.ask("held")

    def ask(self, question):
        self.process.stdin.write(question.encode() + b"\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith(b"= "):
                return json.loads(line[2:])
        sys.exit("bench: the target ended with %s, asked for %r" % (self.process.wait(60), question))

    def finish(self):
        self.process.stdin.close()
        self.process.wait(60)


def install(python, folder):
    """Into a folder of this version; what cannot be had is left out, with a line."""
    version = subprocess.run([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], stdout=subprocess.PIPE, check=True)
    place = os.path.join(folder, version.stdout.decode().strip())
    for package in INSIDE + OUTSIDE + AROUND:
        if os.path.exists(os.path.join(place, package)):
            continue
        done = subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--root-user-action=ignore", "--target",
                               os.path.join(place, package), package], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            shutil.rmtree(os.path.join(place, package), ignore_errors=True)
            print("bench: left out: %s, which pip cannot install for %s" % (package, python), file=sys.stderr)
    return place


def merged(place, into):
    """The packages that run inside, as one folder to import from."""
    for package in INSIDE:
        source = os.path.join(place, package)
        for name in os.listdir(source) if os.path.isdir(source) else []:
            link = os.path.join(into, name)
            if not os.path.exists(link):
                os.symlink(os.path.join(source, name), link)


def launch(command):
    """Wall ms and peak MB; None where it fails."""
    answer = subprocess.run([sys.executable, "-I", "-S", "-c", LAUNCHER] + command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    wall, peak, status = answer.stdout.split()
    return None if status != b"0" else {"ms": float(wall) * 1e3, "peak": int(peak) / 1024}


class Measure:
    """One question, and who answers it. A tool is a name and a function of the target that gives ms, gap, peak and objects."""

    def __init__(self, name, tools):
        self.name, self.tools = name, tools
        self.results = {tool: [] for tool, _ in tools}

    def add(self, name, run):
        self.tools.append((name, run))
        self.results[name] = []

    def round(self, target):
        for name, run in self.tools:
            result = run(target)
            if result is not None:
                self.results[name].append(result)

    def rows(self):
        for name, _ in self.tools:
            results = self.results[name]
            if not results:
                continue
            row = {"measure": self.name, "tool": name, "runs": len(results)}
            for key in ("ms", "gap", "peak", "objects"):
                values = [each[key] for each in results if each.get(key) is not None]
                if values:
                    row[key], row[key + "_least"], row[key + "_most"] = statistics.median(values), min(values), max(values)
            yield row


def from_outside(*words):
    def run(target):
        target.ask("gap")
        result = launch([each.replace("PID", str(target.pid)).replace("HELD", str(target.held)) for each in words])
        if result is not None:
            result["gap"] = target.ask("gap")
        return result

    return run


def from_inside(tool):
    return lambda target: target.ask(tool)


def measures(program, place, tools, folder):
    def ours(command, *words):
        return ("heapglass " + command if not words or words[0] == "PID" else "heapglass " + " ".join((command,) + words[1:]),
                from_outside(program, command, "PID", *[each for each in words if each != "PID"]))

    def theirs(*names):
        return [(name, from_inside(name)) for name in names if name in tools]

    def with_zstd(target):
        target.ask("gap")
        core = os.path.join(folder, "core")
        result = launch(["/bin/sh", "-c", "gcore -o %s %d && zstd -q -f -1 -T0 %s.%d" % (core, target.pid, core, target.pid)])
        if result is not None:
            result["gap"] = target.ask("gap")
        return result

    spy, stack = os.path.join(place, "py-spy", "bin", "py-spy"), os.path.join(place, "pystack", "bin", "pystack")
    outside = [("py-spy dump", from_outside(spy, "dump", "--pid", "PID"))] if os.path.exists(spy) else []
    if os.path.exists(stack):
        os.environ["PYTHONPATH"] = os.path.join(place, "pystack")
        outside.append(("pystack remote", from_outside(stack, "remote", "PID")))
    files = [os.path.join(folder, each) for each in ("first.hg", "second.hg")]
    found = [
        Measure("histogram", [ours("histogram"), ("heapglass histogram --freeze=precopy", from_outside(program, "histogram", "PID", "--freeze=precopy"))]
                + theirs("gc.get_objects + Counter", "objgraph.most_common_types", "guppy3 heap()", "pympler muppy + summary")),
        Measure("referrers of one object", [("heapglass backrefs", from_outside(program, "backrefs", "PID", "--id", "HELD"))]
                + theirs("objgraph.show_backrefs", "guppy3 iso(x).rp")),
        Measure("path to one object", [("heapglass path", from_outside(program, "path", "PID", "--id", "HELD"))]
                + theirs("objgraph.find_backref_chain", "guppy3 iso(x).sp")),
        Measure("retained sizes", [("heapglass retained, all objects", from_outside(program, "retained", "PID"))]
                + theirs("guppy3 iso(x).domisize")),
        Measure("stacks", [ours("stacks")] + outside),
        Measure("leaks", [ours("leaks")]),
        Measure("snapshot", [("heapglass snapshot", lambda target: snapshot(program, target, files[0]))]),
        Measure("growth", [("heapglass diff of two snapshots", lambda target: difference(program, target, files))]
                + theirs("objgraph.show_growth")),
    ]
    if shutil.which("gcore") and shutil.which("zstd"):
        found[-2].add("gcore and zstd -1 -T0", with_zstd)
    if shutil.which("pyheap_dump"):
        found[-2].add("pyheap_dump", from_outside(shutil.which("pyheap_dump"), "--pid", "PID", "--file", os.path.join(folder, "pyheap")))
    return found


def started_with(python, count, place, folder, traced):
    """What the target's start takes with a tool that has to be there from its start, and what the tool's answer takes then.

    A measure here has no target: it starts its own, which ends when its input does. `traced` is one that tracemalloc
    traces."""
    program = [PROGRAM, str(count)]
    ways = [("nothing (as for heapglass)", [python, "-B"] + program), ("tracemalloc, 1 frame", [python, "-B", "-X", "tracemalloc"] + program),
            ("tracemalloc, 25 frames", [python, "-B", "-X", "tracemalloc=25"] + program)]
    asked = [("tracemalloc statistics", lambda _: traced.ask("tracemalloc statistics"))]
    memray, records = os.path.join(place, "memray"), os.path.join(folder, "memray.bin")
    if os.path.isdir(memray):
        with_memray = ["/usr/bin/env", "PYTHONPATH=" + memray, python, "-B", "-m", "memray"]
        ways.append(("memray run", with_memray + ["run", "-q", "-f", "-o", records] + program))
        asked.append(("memray stats", lambda _: launch(with_memray + ["stats", records])))
    return [Measure("start to end of the program with", [(name, lambda _, command=command: launch(command)) for name, command in ways]),
            Measure("lines that allocated", asked)]


def snapshot(program, target, file):
    if os.path.exists(file):
        os.remove(file)
    return from_outside(program, "snapshot", "PID", "-o", file)(target)


def difference(program, target, files):
    for file in files:
        if not os.path.exists(file):
            subprocess.run([program, "snapshot", str(target.pid), "-o", file], check=True, stderr=subprocess.DEVNULL)
    return launch([program, "diff"] + files)


def as_text(row, key, form):
    return "" if key not in row else form % row[key] + (" [" + form % row[key + "_least"] + "-" + form % row[key + "_most"] + "]" if row["runs"] > 1 else "")


def table(rows):
    lines = ["| measure | tool | wall ms | gap of the target's clock ms | peak MB | objects |", "|---|---|--:|--:|--:|--:|"]
    last = None
    for row in rows:
        lines.append("| %s | %s | %s | %s | %s | %s |" % (
            row["measure"] if row["measure"] != last else "", row["tool"], as_text(row, "ms", "%.0f"), as_text(row, "gap", "%.1f"),
            "%.0f" % row["peak"] if "peak" in row else "", "%d" % row["objects"] if "objects" in row else ""))
        last = row["measure"]
    return "\n".join(lines)


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;")


def chart(rows, title):
    """Bars of the wall times, one group for each measure, the length on a logarithmic scale."""
    import math

    height, left, width = 22, 320, 420
    longest = math.log10(max(row["ms"] for row in rows) + 10)
    out, y, last = [], 40, None
    for row in rows:
        if row["measure"] != last:
            y += 12
            out.append('<text x="8" y="%d" font-weight="bold">%s</text>' % (y + 14, escaped(row["measure"])))
            y += height
            last = row["measure"]
        length = max(2, width * math.log10(row["ms"] + 1) / longest)
        colour = "#2f6f4f" if row["tool"].startswith("heapglass") else "#9aa5ad"
        out.append('<text x="24" y="%d">%s</text><rect x="%d" y="%d" width="%.0f" height="14" fill="%s"/><text x="%.0f" y="%d">%.0f ms</text>'
                   % (y + 12, escaped(row["tool"]), left, y + 1, length, colour, left + length + 6, y + 12, row["ms"]))
        y += height
    return ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="DejaVu Sans, sans-serif" font-size="12">'
            '<rect width="100%%" height="100%%" fill="white"/><text x="8" y="22" font-size="15">%s</text>%s</svg>\n'
            % (left + width + 100, y + 20, escaped(title), "".join(out)))


def measure(program, python, objects, runs, packages, csv_file, chart_file):
    place = install(python, packages)
    version = subprocess.run([python, "-V"], stdout=subprocess.PIPE, check=True).stdout.decode().strip().replace("Python", "CPython")
    every = []
    for count in objects:
        with tempfile.TemporaryDirectory() as folder:
            inside = os.path.join(folder, "inside")
            os.mkdir(inside)
            merged(place, inside)
            target = Target(python, count, inside)
            traced = Target(python, count, inside, ["-X", "tracemalloc"])
            try:
                asked = measures(program, place, set(target.ask("tools")), folder) + started_with(python, count, place, folder, traced)
                for _ in range(runs):
                    for each in asked:
                        each.round(target)
            finally:
                target.finish()
                traced.finish()
            rows = [row for each in asked for row in each.rows()]
        title = "%s, %s objects asked for, medians of %d rounds [least-most]" % (version, "{:,}".format(count), runs)
        print("\n## %s\n\n%s" % (title, table(rows)))
        every += [dict(row, python=version, asked_for=count) for row in rows]
        if chart_file:
            name = re.sub(r"(\.svg)?$", "-%d.svg" % count, chart_file, count=1) if len(objects) > 1 else chart_file
            with open(name, "w", encoding="utf-8") as file:
                file.write(chart(rows, title + ": wall time, logarithmic"))
    if csv_file:
        keys = sorted({key for row in every for key in row})
        with open(csv_file, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, keys)
            writer.writeheader()
            writer.writerows(every)
