import os
import subprocess
import sys

import pytest

import heapglass

collect_ignore = ["kinds"]  # test_plugin.py runs them

SERVICE = '''
import os, sys

class Session:
    def __init__(self, user):
        self.user, self.items = user, [user] * 3

cache = {}
for number in range(300):
    cache["user:%d" % number] = Session("user %d" % number)
print("READY", flush=True)
for line in sys.stdin:
    for number in range(int(line)):
        cache["more:%d" % len(cache)] = Session("secret-of-the-user %d" % number)
    print("DONE", flush=True)
'''


class Service:
    """A process that leaks Session objects in shop.cache."""

    def __init__(self, folder):
        (folder / "shop.py").write_text(SERVICE)
        self.process = subprocess.Popen([sys.executable, "-c", "import shop", "--token=hunter2"], cwd=folder, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, universal_newlines=True)
        assert self.process.stdout.readline() == "READY\n"
        self.pid = self.process.pid

    def leak(self, number):
        self.process.stdin.write("%d\n" % number)
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "DONE\n"


@pytest.fixture(scope="session")
def service(tmp_path_factory):
    try:
        heapglass.find_program()
    except heapglass.ProgramNotFound as error:
        pytest.skip(str(error))
    found = Service(tmp_path_factory.mktemp("service"))
    yield found
    found.process.stdin.close()
    found.process.wait()


@pytest.fixture
def no_program(monkeypatch, tmp_path):
    """A machine without the program."""
    monkeypatch.delenv("HEAPGLASS", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(heapglass._program, "BUNDLED", os.path.join(str(tmp_path), "bundled"))
    return tmp_path
