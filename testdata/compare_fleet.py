"""Compares a file of `export --format fleet` with itself and with the answer of `leaks`, read by DuckDB.

usage: compare_fleet.py FILE.parquet LEAKS.json

Prints the objects and bytes of the capture. Exit 77: DuckDB is not here.
"""
import json
import sys

try:
    import duckdb
except ImportError:
    sys.exit(77)

path, leaks = sys.argv[1:]
of_file = duckdb.sql("SELECT * FROM read_parquet('%s', hive_partitioning = false)" % path)


def rows(subject, columns):
    return duckdb.sql("SELECT %s FROM of_file WHERE subject = '%s' ORDER BY ALL" % (columns, subject)).fetchall()


assert duckdb.sql("SELECT DISTINCT schema_version, service, host, version, pod FROM of_file").fetchall() == [(1, "a/shop", "db1", "1.2", None)]
(capture,) = rows("capture", "objects, bytes")
for subject in ("type", "owner"):
    (sums,) = rows(subject, "sum(objects)::BIGINT, sum(bytes)::BIGINT")
    assert sums == capture, (subject, sums, capture)
(bill,) = rows("bill", "sum(bytes)::BIGINT, any_value(rss)")
assert abs(bill[0] - bill[1]) <= 0.02 * bill[1], bill
with open(leaks, encoding="utf-8") as file:
    suspects = json.load(file)["suspects"]
expected = [(at, each["pattern"], each["bytes"], each["objects"]) for at, each in enumerate(suspects, 1)]
found = rows("suspect", "rank, kind, bytes, objects")
assert found == expected, (found, expected)
print("%d,%d" % capture)
