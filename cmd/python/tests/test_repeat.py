"""What is suspected of a comparison, and when the program is started, without a capture."""
import os
import subprocess
import time

import pytest

from heapglass import _program
from heapglass._repeat import LARGE, NATIVE, Candidates, Grown, Limits, _goes_on, _suspects


def names(native, resident):
    return [each.name for each in _suspects([], native, resident, 10, Limits())]


def test_a_large_block_for_each_call_is_suspected_beside_what_the_arenas_gave_out():
    assert names(0, 6_000_000) == [LARGE]
    assert names(300, 6_000_000) == [NATIVE, LARGE]


def test_what_the_arenas_gave_out_is_no_large_block():
    assert names(6_000_000, 6_100_000) == [NATIVE]
    assert names(100, 100_000) == []


def test_longer_texts_are_no_growth_where_a_limit_is_of_objects():
    first, second = Grown("builtins.str", 1, 41, 1), Grown("builtins.str", 2, 102, 40)
    assert not _goes_on(first, 10, second, 1000, Limits(max_objects=0, max_bytes=0))
    assert _goes_on(first, 10, second, 1000, Limits())
    assert _goes_on(first, 10, Grown("builtins.str", 25, 1000), 1000, Limits(max_objects=0))


def test_owners_are_the_containers_that_went_on_growing():
    before = {"builtins.list": {1: 0, 2: 5, 3: 7, 4: 9}, "builtins.dict": {5: 1}}
    after = {"builtins.list": {1: 10, 2: 15, 3: 7, 6: 90}, "builtins.dict": {5: 4}, "app.Session": {7: 0, 8: 0, 9: 0}}
    candidates = Candidates(before, after, ["app.Session"])
    assert sorted(candidates.all()) == [1, 2, 5, 7, 8, 9]
    paths = {1: (10, "cache"), 2: (1015, "events"), 5: (504, "app -> dict"), 7: (0, ""), 8: (0, "app -> Session")}
    assert candidates.owners(["app.Session"], paths, 1000) == (["events (+1000 entries)", "app -> dict (+500 entries)"], [])
    # What was filled and does not grow on owns nothing: then a new object is told.
    paths.update({2: (15, "events"), 5: (4, "app -> dict")})
    assert candidates.owners(["app.Session"], paths, 1000) == ([], ["app -> Session"])


def test_new_objects_from_all_over_stand_for_their_type():
    candidates = Candidates({"app.Session": {5: 0}}, {"app.Session": {id: 0 for id in range(10)}}, ["app.Session", "builtins.str"])
    assert candidates.new == {"app.Session": [1, 4, 8], "builtins.str": []}


@pytest.mark.skipif(not os.access("/proc/self/syscall", os.R_OK), reason="the kernel does not say which system call a thread is in")
def test_the_program_begins_when_this_thread_waits_for_it(tmp_path, monkeypatch):
    class SlowPopen(subprocess.Popen):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            time.sleep(0.3)

    program = tmp_path / "heapglass"
    program.write_text("#!/bin/sh\ncat /proc/$PPID/syscall >'%s'\n" % (tmp_path / "syscall"))
    program.chmod(0o755)
    monkeypatch.setenv("HEAPGLASS", str(program))
    monkeypatch.setattr(subprocess, "Popen", SlowPopen)
    _program.run_on_ourselves([])
    assert (tmp_path / "syscall").read_text().split()[0] in ("61", "260")
