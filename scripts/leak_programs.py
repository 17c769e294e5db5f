"""What scripts/recall and scripts/healthy share: programs that wait to be looked at, what heapglass says of them, and packages
from PyPI in build/recall/.
"""
import json
import os
import re
import subprocess
import tempfile

CHECKOUT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))


class Failed(Exception):
    pass


def comments(path):
    """Of the lines of comment at the beginning of a program: the first word of each, and the rest."""
    with open(path, encoding="utf-8") as source:
        for line in source:
            if not line.startswith("#"):
                return
            word, _, rest = line[1:].strip().partition(" ")
            yield word, rest


class Target:
    """A program that has done its work for some time and waits."""

    def __init__(self, python, path, environment):
        self.said = tempfile.TemporaryFile()
        self.process = subprocess.Popen([python, "-B", "-W", "ignore", path], env=environment, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.said, start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        try:
            os.killpg(self.process.pid, 9)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.said.close()

    def wait_for(self, word):
        """What stands behind `word` on a line of the program's output."""
        for line in self.process.stdout:
            if line.split()[:1] == [word]:
                return line.split()[1:]
        self.said.seek(0)
        raise Failed("did not get ready: " + " ".join(self.said.read().decode(errors="replace").split())[-300:])

    def leak_more(self, times):
        self.process.stdin.write(b"%d\n" % times)
        self.process.stdin.flush()
        self.wait_for(b"DONE")


class Asked:
    """What heapglass says of a program, or why it says nothing."""

    def __init__(self, heapglass):
        self.heapglass = heapglass

    def ask(self, *arguments):
        done = subprocess.run([self.heapglass, *arguments, "--format", "json"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        if done.returncode:
            raise Failed("heapglass %s: %s" % (arguments[0], done.stderr.decode(errors="replace").strip()))
        return json.loads(done.stdout)

    def snapshot(self, pid, path):
        done = subprocess.run([self.heapglass, "snapshot", pid, "-o", path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE)
        if done.returncode:
            raise Failed("heapglass snapshot: " + done.stderr.decode(errors="replace").strip())


def is_unnamed(row):
    """Neither an object, free, a file, nor of a library that is named."""
    return row["category"] in ("native memory", "unknown") and not re.search(r"\.so\b|pool of its own|'s own", row["detail"])


def sums(memory):
    """How far the rows are from the RSS, and what part of it has no name."""
    rows, rss = memory["rows"], max(memory["rss"], 1)
    return abs(sum(row["bytes"] for row in rows) - rss) / rss, sum(row["bytes"] for row in rows if is_unnamed(row)) / rss


def version_of(python):
    said = subprocess.run([python, "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"], stdout=subprocess.PIPE, check=True)
    return said.stdout.decode().strip()


def fetch(python, folder, needs):
    if not os.path.exists(os.path.join(folder, "bin", "python")):
        subprocess.run([python, "-m", "venv", folder], check=True)
    pip = [os.path.join(folder, "bin", "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary=:all:"]
    if subprocess.run(pip + needs).returncode == 0:
        return
    for need in needs:  # what has no wheel for this version is left out
        subprocess.run(pip + [need])


def missing(needs, python):
    """Those of these packages that the interpreter does not have."""
    code = ("import importlib.metadata as m, sys\n"
            "def has(name):\n"
            "    try: return bool(m.version(name))\n"
            "    except m.PackageNotFoundError: return False\n"
            "print(*[n for n in sys.argv[1:] if not has(n)])")
    said = subprocess.run([python, "-c", code] + needs, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return said.stdout.decode().split() if said.returncode == 0 else needs


def folder_of_packages(version):
    return os.path.join(CHECKOUT, "build", "recall", ".".join(version.split(".")[:2]))


def python_for(needs, python, version):
    """The interpreter that has these packages, and those that none has."""
    with_packages = os.path.join(folder_of_packages(version), "bin", "python")
    chosen = with_packages if needs and os.path.exists(with_packages) else python
    return chosen, missing(needs, chosen) if needs else []
