"""The pytest plugin, in sessions of pytest of its own. HEAPGLASS_KINDS=few runs some of tests/kinds/ only."""
import importlib.metadata
import os
import re
import subprocess
import sys

import pytest

import heapglass

KINDS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kinds")
FEW = {"planted": "list_of_nothing or bound_methods or lost_reference_to_a_list or c_malloc", "healthy": "fills_once or logging or nothing_may"}


def is_installed():
    points = importlib.metadata.entry_points()
    group = points.select(group="pytest11") if hasattr(points, "select") else points.get("pytest11", [])
    return any(each.name == "heapglass" for each in group)


def begin(folder, *arguments, **environment):
    plugin = [] if is_installed() else ["-p", "heapglass.pytest_plugin"]
    return subprocess.Popen([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *plugin, "-rA", "--tb=long", "--color=no",
                             *arguments], cwd=str(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
                            env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join(sys.path), "PYTEST_ADDOPTS": ""})


def ran(session):
    output = session.communicate()[0]
    return output, re.findall(r"^PASSED \S+::(\w+)", output, re.M), re.findall(r"^(?:FAILED|ERROR) \S+::(\w+)", output, re.M)


@pytest.fixture
def needs_program():
    try:
        heapglass.find_program()
    except heapglass.ProgramNotFound as error:
        pytest.skip(str(error))


def test_planted_leaks_are_found_and_healthy_tests_are_not_flagged(needs_program, tmp_path):
    few = os.environ.get("HEAPGLASS_KINDS") == "few"
    sessions = {kind: begin(KINDS, "test_%s.py" % kind, "--durations=5", "--basetemp=%s" % (tmp_path / kind),
                            *(["-k", FEW[kind]] if few else [])) for kind in ("planted", "healthy")}
    output, passed, failed = ran(sessions["planted"])
    print(output[-2000:])
    assert passed == [] and len(failed) >= (4 if few else 20), output
    assert output.count("the heap grows with each call") >= len(failed)
    # The owner, not just any object of the type; and C code where no object is there.
    owners = {"test_list_of_nothing": "owner: module test_planted -> nothings",
              "test_bound_methods": "owner: module test_planted -> registry -> test_planted.Registry -> handlers",
              "test_c_lost_reference_to_a_list": "path: C code -> list",
              "test_c_malloc": "memory of C code"}
    for name, owner in owners.items():
        section = output.split("_ %s _" % name)[1].split("\n_____")[0]
        assert owner in section, section
    snapshots = re.findall(r"^snapshot: (\S+\.hg)", output, re.M)
    assert len(set(snapshots)) >= len(failed)
    assert heapglass.open(snapshots[0]).leaks() is not None
    output, passed, failed = ran(sessions["healthy"])
    print(output[-2000:])
    assert failed == [] and len(passed) >= (3 if few else 20), output


def fake_program(folder, script):
    path = folder / "program"
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)
    return str(path)


MARKED = "import pytest\n\n@pytest.mark.heap_growth\ndef test_it():\n    pass\n"
REFUSES = '[ "$1" = --version ] && exit 0\necho "heapglass: cannot read the memory of it (CAP_SYS_PTRACE is missing)" >&2\nexit 3\n'


def test_refusal_is_explained(tmp_path):
    (tmp_path / "test_it.py").write_text(MARKED)
    program = fake_program(tmp_path, REFUSES)
    output, passed, failed = ran(begin(tmp_path, HEAPGLASS=program))
    assert failed == ["test_it"], output
    assert "it is not known whether the heap grows" in output
    assert "CAP_SYS_PTRACE is missing" in output and "ptrace_scope" in output and "heap_growth_refused = skip" in output
    (tmp_path / "pytest.ini").write_text("[pytest]\nheap_growth_refused = skip\n")
    output, passed, failed = ran(begin(tmp_path, HEAPGLASS=program))
    assert passed == failed == [] and "1 skipped" in output
    (tmp_path / "pytest.ini").write_text("[pytest]\nheap_growth_refused = maybe\n")
    assert "is fail or skip" in ran(begin(tmp_path, HEAPGLASS=program))[0]


def test_program_that_is_not_there(tmp_path):
    (tmp_path / "test_it.py").write_text(MARKED)
    output, _, failed = ran(begin(tmp_path, HEAPGLASS="/nowhere"))
    assert failed == ["test_it"] and "HEAPGLASS=/nowhere: there is no such file" in output


def test_answer_without_the_planted_objects_is_not_believed(tmp_path):
    (tmp_path / "test_it.py").write_text(MARKED)
    blind = 'for each; do case $each in --output=*) echo \'{"rows": []}\' >"${each#--output=}";; esac; done\n'
    output, _, failed = ran(begin(tmp_path, HEAPGLASS=fake_program(tmp_path, blind)))
    assert failed == ["test_it"] and "did not see the objects that were planted" in output


def test_wrong_uses_are_told(tmp_path):
    (tmp_path / "test_it.py").write_text('''
import unittest
import pytest

class TestOld(unittest.TestCase):
    @pytest.mark.heap_growth
    def test_method(self):
        pass

@pytest.mark.heap_growth(max_object=1)
def test_misspelt():
    pass

@pytest.mark.heap_growth(repeats=0)
def test_no_repeats():
    pass

@pytest.mark.heap_growth
def test_that_fails():
    assert 1 == 2

def test_fixture(heap_growth):
    heap_growth(list, types=[3])
''')
    output, passed, failed = ran(begin(tmp_path, "--strict-markers", HEAPGLASS="/nowhere"))
    assert passed == [] and len(failed) == 5, output
    for text in ("in a unittest.TestCase", "max_object", "a whole number of 1 or more", "assert 1 == 2", "types are names"):
        assert text in output
