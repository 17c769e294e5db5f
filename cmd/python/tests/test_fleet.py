"""What `heapglass fleet` refuses, and the questions as they are put to each engine. What it answers: scripts/test-fleet."""
import subprocess
import sys

import pytest

from heapglass import fleet


def test_every_question_is_written_for_every_engine():
    for engine in fleet.ENGINES:
        texts = fleet.questions("/srv/it's", engine)
        assert list(texts) == list(fleet.QUESTIONS)
        for text in texts.values():
            assert "{" not in text and "}" not in text
            assert ("/srv/it''s/*/*/*.parquet" in text) == (engine != "spark")


@pytest.mark.parametrize("arguments, exit_code, said", [
    (["/no/such/folder"], 5, "heapglass fleet: '/no/such/folder' is no folder (name the one that export --format fleet -o has)"),
    (["{empty}"], 5, "there is no capture in"),
    (["{empty}", "--question", "why"], 2, "invalid choice: 'why'"),
    (["{empty}", "--limit", "-1"], 2, "--limit is 0 or more"),
])
def test_what_is_refused(arguments, exit_code, said, tmp_path):
    command = [sys.executable, "-m", "heapglass", "fleet"] + [each.replace("{empty}", str(tmp_path)) for each in arguments]
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert ended.returncode == exit_code, ended.stderr
    assert said in ended.stderr and ended.stdout == ""
    assert "Traceback" not in ended.stderr


def test_a_file_that_is_no_capture_is_named(tmp_path):
    place = tmp_path / "service=a" / "date=2026-11-30"
    place.mkdir(parents=True)
    (place / "1-h-1.parquet").write_bytes(b"PAR1 cut off")
    command = [sys.executable, "-m", "heapglass", "fleet", str(tmp_path)]
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        import duckdb  # noqa: F401
    except ImportError:
        assert ended.returncode == 69 and "pip install 'heapglass[fleet]'" in ended.stderr
    else:
        assert ended.returncode == 5 and "1-h-1.parquet" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_names_of_processes_are_text():
    rows = [{"owner": "app.\x1b[31m\u202e\ncache", "bytes": 1500.0, "p": 1e-9, "first_time": 1_796_060_705, "version": None}]
    lines = fleet._table(rows, 0)
    assert len(lines) == 2
    assert "app.\\x1b[31m\\u202e\\ncache" in lines[1] and "1.5 kB" in lines[1] and "2026-11-30 17:45:05Z" in lines[1]
