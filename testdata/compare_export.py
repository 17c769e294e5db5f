"""Whether an export has what `heapglass query` answers, cell by cell.

usage: compare_export.py FORMAT EXPORT TABLE=QUERY.csv...

EXPORT is a database, a folder with a .parquet for each table, or a file of jsonl; QUERY.csv is what
`heapglass query 'SELECT * FROM TABLE' --limit 0 --format csv` wrote. Prints how many cells were compared, or what differs and
exits 1. Exit 77 where a library is missing.
"""
import csv
import json
import os
import sqlite3
import sys

csv.field_size_limit(1 << 30)


def valid(text):
    """As a format has it that knows only valid UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def asked(path):
    with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = csv.reader(file)
        return next(rows), list(rows)


def of_sqlite(path, table):
    db = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
    db.text_factory = lambda b: b.decode("utf-8", "surrogateescape")
    cursor = db.execute("SELECT * FROM " + table)
    return [column[0] for column in cursor.description], [list(row) for row in cursor]


def of_parquet(path, table):
    try:
        import duckdb
        import pyarrow.parquet
    except ImportError as missing:
        print(missing)
        sys.exit(77)
    file = os.path.join(path, table + ".parquet")
    read = pyarrow.parquet.ParquetFile(file).read()
    columns = [column.to_pylist() for column in read.columns]
    sums = ["count(*)"] + ['sum("%s")' % field.name for field in read.schema if str(field.type) == "int64"]
    told = duckdb.sql("SELECT %s FROM read_parquet('%s')" % (", ".join(sums), file)).fetchall()[0]
    own = [read.num_rows] + [sum(n for n in column if n is not None) if any(n is not None for n in column) else None
                             for column, field in zip(columns, read.schema) if str(field.type) == "int64"]
    if list(told) != own:
        sys.exit("DuckDB says of %s %r, not %r" % (table, told, own))
    return read.schema.names, [list(row) for row in zip(*columns)]


def of_jsonl(path, table):
    objects = [each for each in map(json.loads, open(path, encoding="utf-8")) if each["kind"] == "object"]
    if table == "objects":
        return ["id", "type", "size", "refcount", "tracked"], [
            [o["id"], o["type"], o["size"], o["refcount"], int(o["gc"])] for o in objects]
    return ["holder", "held"], [[o["id"], held] for o in objects for held in o["refs"]]


READERS = {"sqlite": of_sqlite, "parquet": of_parquet, "jsonl": of_jsonl}


def main():
    form, export = sys.argv[1:3]
    cells = 0
    for each in sys.argv[3:]:
        table, path = each.split("=", 1)
        names, rows = READERS[form](export, table)
        wanted_names, wanted = asked(path)
        if form == "jsonl":
            if table == "refs":
                wanted = [row for row in wanted if row[wanted_names.index("class")] == "visited"]
            keep = [wanted_names.index(name) for name in names]
            wanted_names, wanted = names, [[row[i] for i in keep] for row in wanted]
        if names != wanted_names or len(rows) != len(wanted):
            sys.exit("%s: columns %r, %d rows; asked for, %r, %d" % (table, names, len(rows), wanted_names, len(wanted)))
        for number, (row, other) in enumerate(zip(rows, wanted)):
            row = ["" if cell is None else str(cell) for cell in row]
            if row != other and form != "sqlite":
                row, other = [valid(cell) for cell in row], [valid(cell) for cell in other]
            if row != other:
                sys.exit("%s, row %d: %r, but asked for: %r" % (table, number, row, other))
            cells += len(row)
    print("%d cells" % cells)


main()
