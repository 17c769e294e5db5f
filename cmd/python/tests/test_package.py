import json
import os
import subprocess
import sys
import time

import pytest

import heapglass
from heapglass import _program, errors, results


@pytest.mark.parametrize("line, message, hint", [
    ("cannot read it", "cannot read it", ""),
    ("cannot read it (ask root)", "cannot read it", "ask root"),
    ("cannot read it (is (or was) there; see f())", "cannot read it", "is (or was) there; see f()"),
    ("a) odd (b))", "a) odd (b))", ""),
    ("(all of it)", "(all of it)", ""),
    ("", "", ""),
])
def test_message_and_hint(line, message, hint):
    assert errors.split_hint(line) == (message, hint)


def test_error_of_each_exit_code():
    for code, kind in ((2, heapglass.UsageError), (3, heapglass.TargetError), (4, heapglass.NotPythonError), (5, heapglass.FileError),
                       (70, heapglass.InternalError), (99, heapglass.HeapglassError)):
        error = errors.error_of(code, "noise\nheapglass: what (why)\n  detail\n", ["info"])
        assert type(error) is kind
        assert (error.exit_code, error.message, error.hint) == (code, "what", "why")
    assert errors.error_of(-9, "", []).exit_code == 137
    assert "exit code 3" in str(errors.error_of(3, "", []))


def test_options_become_flags():
    assert _program.flags_of({"limit": 0, "type": ["a", "b"], "paths": True, "where": None, "from_": "x", "no_heap": False}) == [
        "--limit=0", "--type=a", "--type=b", "--paths", "--from=x"]


def test_what_a_target_is():
    assert heapglass.open(12).target == "12"
    assert heapglass.open("-rf").target == "./-rf"
    for wrong in (0, -1, "", None, True, 1.5):
        with pytest.raises((TypeError, ValueError)):
            heapglass.open(wrong)


def test_record():
    row = results.Leaks({"heap_bytes": 3, "suspects": [{"owner": "a", "new_key": {"b": [1]}}]})
    assert row.heap_bytes == row["heap_bytes"] == 3
    assert type(row.suspects[0]) is results.Suspect
    assert row.suspects[0].new_key.b == [1]
    assert row.notes == [] and row.caveats == []
    assert row.to_dict() == {"heap_bytes": 3, "suspects": [{"owner": "a", "new_key": {"b": [1]}}]}
    with pytest.raises(AttributeError, match="heap_bytes"):
        _ = row.nothing


def test_program_not_found_says_where_it_looked(no_program, monkeypatch):
    script = no_program / "heapglass"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    with pytest.raises(heapglass.ProgramNotFound) as caught:
        heapglass.open(1).info()
    assert "HEAPGLASS is not set" in str(caught.value)
    assert "bundled" in str(caught.value)
    assert "it is a script" in str(caught.value)  # the package's own console script is not the program
    monkeypatch.setenv("HEAPGLASS", "/nowhere/heapglass")
    with pytest.raises(heapglass.ProgramNotFound, match="/nowhere/heapglass: there is no such file"):
        heapglass.find_program()
    monkeypatch.setenv("HEAPGLASS", str(script))
    assert heapglass.find_program() == str(script)


def test_program_in_the_package_is_taken_before_path(no_program):
    bundled = no_program / "bundled"
    bundled.write_text("")
    bundled.chmod(0o755)
    assert heapglass.find_program() == str(bundled)


def test_answer_that_takes_too_long(no_program, monkeypatch):
    slow = no_program / "slow"
    slow.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("HEAPGLASS", str(slow))
    begin = time.monotonic()
    with pytest.raises(heapglass.AnswerTimeout):
        heapglass.open(1, timeout=0.1).info()
    assert time.monotonic() - begin < 10


def test_pandas_and_arrow_are_asked_for_by_name(monkeypatch):
    rows = results.Rows([{"a": 1}])
    for module, convert in (("pandas", rows.to_pandas), ("pyarrow", rows.to_arrow)):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ImportError, match="pip install " + module):
            convert()


def test_every_question_to_one_capture(service, tmp_path):
    heap = heapglass.open(service.pid).snapshot(tmp_path / "shop.hg")
    assert heap.info().pid == service.pid
    assert heap.memory().rss == sum(row.bytes for row in heap.memory(limit=0).rows)
    sessions = heap.histogram(type="shop.Session").types[0]
    assert sessions.count >= 300
    leak = next(each for each in heap.leaks().suspects if each.owner == "shop.cache")
    assert leak.pattern == "unbounded-cache" and leak.cure
    path = heap.path(type="shop.Session", all=1).paths[0]
    assert path.text.startswith("module shop -> cache")
    objects = heap.objects(type="shop.Session", limit=2, paths=True)
    assert objects.matches == sessions.count and len(objects.objects) == 2
    shown = heap.show(objects.objects[0].id)
    assert shown.type == "shop.Session" and {"user", "__dict__"} & {each.label for each in shown.referents}  # a dict before 3.11
    assert heap.retained(limit=3).objects[0].retained_bytes > 0
    assert "total" in heap.garbage()
    assert any(frame.file.endswith("shop.py") for thread in heap.stacks().threads for frame in thread.frames)
    rows = heap.query("-- how many\nSELECT count(*) AS n FROM objects WHERE type = 'shop.Session'")
    assert rows == [{"n": sessions.count}]


def test_pictures(service, tmp_path):
    heap = heapglass.open(service.pid)
    dot = heap.backrefs(type="shop.Session", format="dot")
    assert dot.text.startswith("digraph") and dot._repr_svg_() is None
    saved = dot.save(tmp_path / "sessions.dot")
    assert os.stat(saved).st_mode & 0o777 == 0o600
    try:
        picture = heap.backrefs(type="shop.Session")
    except heapglass.HeapglassError as error:
        pytest.skip("this program draws nothing: %s" % error)
    assert "<svg" in picture._repr_svg_()


def test_growth_of_another_process(service):
    with heapglass.growth(service.pid) as g:
        service.leak(50)
    assert {each.type: each.count_delta for each in g.types}["shop.Session"] == 50
    assert "shop.cache" in [each.path for each in g.owners]
    assert g.after.path(type="shop.Session").paths
    g.close()


def test_growth_of_this_process():
    class Mine:
        pass

    kept = []
    try:
        with heapglass.growth() as g:
            kept.extend(Mine() for _ in range(20))
    except heapglass.ProgramNotFound as error:
        pytest.skip(str(error))
    assert any(each.type.endswith("Mine") and each.count_delta == 20 for each in g.types)


def test_capture_without_values(service):
    service.leak(1)
    with heapglass.open(service.pid).capture(no_values=True) as once:
        answer = json.dumps(once.objects(type="shop.Session", limit=0, paths=True).to_dict())
        path = once.target
        assert "secret-of-the-user" not in answer
        assert "no-values" in [each.kind for each in once.leaks().caveats]
    assert not os.path.exists(path)


def test_threshold_has_the_answer(service):
    with pytest.raises(heapglass.ThresholdExceeded, match="objects") as caught:
        heapglass.open(service.pid).leaks(fail_if="objects > 10")
    assert caught.value.result["suspects"]


def test_errors_have_hints(service):
    with pytest.raises(heapglass.TargetError) as caught:
        heapglass.open(2 ** 22 + 1).info()
    assert caught.value.hint
    with pytest.raises(heapglass.UsageError):
        heapglass.open(service.pid).query("nonsense")


def test_ps_has_the_service(service):
    assert service.pid in [each.pid for each in heapglass.ps()]


def test_console_script(service):
    done = subprocess.run([sys.executable, "-m", "heapglass", "histogram", str(service.pid), "--type", "shop.Session"],
                          stdout=subprocess.PIPE, universal_newlines=True, check=True)
    assert "shop.Session" in done.stdout


def test_console_script_without_the_program():
    done = subprocess.run([sys.executable, "-m", "heapglass", "ps"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True, env={**os.environ, "HEAPGLASS": "/nowhere"})
    assert done.returncode == 127 and "/nowhere" in done.stderr
