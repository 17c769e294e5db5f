"""Which services of a fleet leak, and where: what `heapglass export --format fleet` wrote, asked by DuckDB.

The questions are SQL that DuckDB, ClickHouse and Spark answer alike (docs/manual/fleets.md): this module has no statistics of
its own. `questions()` gives the text of each, for any of the engines.
"""
from __future__ import annotations

import argparse
import glob
import json
import os
import sys
from typing import Any, Dict, List, Optional, Sequence

from .errors import HeapglassError

SCHEMA = 1
# Captures that a process has to have before something can be said of its growth: with fewer no order of values is rare.
LEAST_CAPTURES = 6
# The part that does not grow of all that is said to grow.
FALSE_DISCOVERY_RATE = 0.05
# How well a line fits, and what each quarter of a process' life, and the last, has at least of its growth from the first to the
# last: a third each in a leak, and less and less in what fills up.
LEAST_FIT, LEAST_PART, LEAST_LAST_PART = 0.9, 0.1, 0.25

# One row for each capture and owner, of processes with enough captures and of owners whose size changes by more than a thousandth
# of the heap: what changes less is no leak that anybody looks for, and there are most of them. `age` is in hours from the first
# capture of the process.
POINTS = """
WITH captures AS (
    SELECT service, host, pid, version, time, bytes AS heap
    FROM {fleet} WHERE subject = 'capture' AND schema_version <= {schema}),
first_captures AS (
    SELECT service, host, pid, min(time) AS first_time, count(*) AS captures, max(heap) AS largest
    FROM captures GROUP BY service, host, pid),
owners AS (
    SELECT service, host, pid, version, time, name, bytes
    FROM {fleet} WHERE subject = 'owner' AND name <> '(others)' AND schema_version <= {schema}),
ranges AS (
    SELECT o.service, o.host, o.pid, o.name, max(f.first_time) AS first_time, max(f.captures) AS captures, count(*) AS present,
           min(o.bytes) AS least, max(o.bytes) AS most, max(f.largest) AS largest
    FROM owners o JOIN first_captures f ON f.service = o.service AND f.host = o.host AND f.pid = o.pid
    GROUP BY o.service, o.host, o.pid, o.name),
moving AS (
    SELECT * FROM ranges
    WHERE captures >= {least_captures} AND present >= {least_captures} AND most > least AND (most - least) * 1000 > largest),
points AS (
    SELECT o.service AS service, o.host AS host, o.pid AS pid, o.name AS name, o.version AS version, o.time AS time,
           (o.time - m.first_time) / 3600.0 AS age, CAST(o.bytes AS DOUBLE) AS bytes, m.present AS n
    FROM owners o JOIN moving m ON m.service = o.service AND m.host = o.host AND m.pid = o.pid AND m.name = o.name)"""

# Of each process Mann-Kendall's test (does later mean more?), with its correction for equal values, and Theil and Sen's slope.
# Values that follow each other are not independent, as that test has it, and caches fill: so a process grows only if each
# quarter of its life has its share of the growth and a line fits. The processes of one version are one test, by Stouffer.
TRENDS = POINTS + """,
pairs AS (
    SELECT a.service AS service, a.host AS host, a.pid AS pid, a.name AS name, a.n AS n,
           CASE WHEN b.bytes > a.bytes THEN 1 WHEN b.bytes < a.bytes THEN -1 ELSE 0 END AS sign_of,
           (b.bytes - a.bytes) / (b.age - a.age) AS slope
    FROM points a JOIN points b ON a.service = b.service AND a.host = b.host AND a.pid = b.pid AND a.name = b.name
    WHERE b.time > a.time),
orders AS (
    SELECT service, host, pid, name, max(n) AS n, sum(sign_of) AS s, {median}(slope) AS slope
    FROM pairs GROUP BY service, host, pid, name),
equal_values AS (
    SELECT service, host, pid, name, bytes, count(*) AS t FROM points GROUP BY service, host, pid, name, bytes),
ties AS (
    SELECT service, host, pid, name, sum(t * (t - 1) * (2 * t + 5)) AS correction FROM equal_values GROUP BY service, host, pid, name),
lives AS (
    SELECT service, host, pid, name, min(age) AS first_age, max(age) AS last_age, max(coalesce(version, '')) AS version, corr(age, bytes) AS fit
    FROM points GROUP BY service, host, pid, name),
quarters AS (
    SELECT p.service AS service, p.host AS host, p.pid AS pid, p.name AS name, max(l.version) AS version, max(l.fit) AS fit,
           avg(CASE WHEN 4 * (p.age - l.first_age) <= l.last_age - l.first_age THEN p.bytes END) AS q1,
           avg(CASE WHEN 4 * (p.age - l.first_age) > l.last_age - l.first_age
                     AND 2 * (p.age - l.first_age) <= l.last_age - l.first_age THEN p.bytes END) AS q2,
           avg(CASE WHEN 2 * (p.age - l.first_age) > l.last_age - l.first_age
                     AND 4 * (p.age - l.first_age) <= 3 * (l.last_age - l.first_age) THEN p.bytes END) AS q3,
           avg(CASE WHEN 4 * (p.age - l.first_age) > 3 * (l.last_age - l.first_age) THEN p.bytes END) AS q4
    FROM points p JOIN lives l ON p.service = l.service AND p.host = l.host AND p.pid = l.pid AND p.name = l.name
    GROUP BY p.service, p.host, p.pid, p.name),
scores AS (
    SELECT o.service AS service, q.version AS version, o.name AS name, o.slope AS slope, q.fit AS fit, q.q1 AS q1, q.q2 AS q2, q.q3 AS q3, q.q4 AS q4,
           (o.s - CASE WHEN o.s > 0 THEN 1 WHEN o.s < 0 THEN -1 ELSE 0 END)
               / sqrt((o.n * (o.n - 1) * (2 * o.n + 5) - t.correction) / 18.0) AS z
    FROM orders o
    JOIN ties t ON o.service = t.service AND o.host = t.host AND o.pid = t.pid AND o.name = t.name
    JOIN quarters q ON o.service = q.service AND o.host = q.host AND o.pid = q.pid AND o.name = q.name
    WHERE o.n * (o.n - 1) * (2 * o.n + 5) - t.correction > 0 AND q.q1 IS NOT NULL AND q.q2 IS NOT NULL AND q.q3 IS NOT NULL),
owners_of_services AS (
    SELECT service, version, name, count(*) AS processes, sum(CASE WHEN slope > 0 AND fit >= {least_fit} THEN 1 ELSE 0 END) AS growing,
           {median}(slope) AS slope, avg(fit) AS fit, sum(q2 - q1) AS early, sum(q3 - q2) AS later, sum(q4 - q3) AS late, sum(q4 - q1) AS growth,
           sum(z) / sqrt(CAST(count(*) AS DOUBLE)) AS z
    FROM scores GROUP BY service, version, name),
tails AS (
    SELECT service, version, name, processes, growing, slope, z, 1 / (1 + 0.2316419 * abs(z)) AS k,
           CASE WHEN growth > 0 AND fit >= {least_fit} AND early >= {least_part} * growth AND later >= {least_part} * growth
                 AND late >= {least_last_part} * growth THEN 1 ELSE 0 END AS goes_on
    FROM owners_of_services),
chances AS (
    SELECT service, version, name, processes, growing, slope, goes_on,
           CASE WHEN z <= 0 THEN 1.0
                ELSE exp(-0.5 * z * z) * 0.3989422804014327
                     * k * (0.319381530 + k * (-0.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429)))) END AS p
    FROM tails),
ranked AS (
    SELECT service, version, name, processes, growing, slope, goes_on, p,
           row_number() OVER (ORDER BY p, service, version, name) AS place, count(*) OVER () AS tests
    FROM chances),
adjusted AS (
    SELECT service, version, name, processes, growing, slope, goes_on, p,
           min(p * tests / place) OVER (ORDER BY place DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS q
    FROM ranked),
leaks AS (
    SELECT service, version, name, processes, growing, slope, p, CASE WHEN q > 1 THEN 1.0 ELSE q END AS q
    FROM adjusted WHERE q <= {false_discovery_rate} AND goes_on = 1 AND 2 * growing > processes)"""

QUESTIONS: Dict[str, "tuple[str, str]"] = {
    "growing": (
        "owners that leak: median growth a hour over the service's processes, and the chance that it is none",
        TRENDS + """
SELECT service, version, name AS owner, processes, growing, slope AS bytes_per_hour, p, q
FROM leaks ORDER BY bytes_per_hour DESC, service, version, owner"""),
    "outliers": (
        "processes whose owner is far larger than that of the service's other processes, at their last captures",
        """
WITH last_captures AS (
    SELECT service, host, pid, max(time) AS time FROM {fleet} WHERE subject = 'capture' AND schema_version <= {schema}
    GROUP BY service, host, pid),
owners AS (
    SELECT f.service AS service, f.host AS host, f.pid AS pid, f.name AS name, CAST(f.bytes AS DOUBLE) AS bytes
    FROM {fleet} f JOIN last_captures l ON f.service = l.service AND f.host = l.host AND f.pid = l.pid AND f.time = l.time
    WHERE f.subject = 'owner' AND f.name <> '(others)' AND f.schema_version <= {schema}),
middles AS (
    SELECT service, name, {median}(bytes) AS middle, count(*) AS processes FROM owners GROUP BY service, name),
spreads AS (
    SELECT o.service AS service, o.name AS name, {median}(abs(o.bytes - m.middle)) AS spread
    FROM owners o JOIN middles m ON o.service = m.service AND o.name = m.name GROUP BY o.service, o.name)
SELECT o.service AS service, o.host AS host, o.pid AS pid, o.name AS owner, o.bytes AS bytes, m.middle AS median_bytes, m.processes AS processes
FROM owners o
JOIN middles m ON o.service = m.service AND o.name = m.name
JOIN spreads s ON o.service = s.service AND o.name = s.name
WHERE m.processes >= 3 AND o.bytes > 2 * m.middle AND o.bytes - m.middle > 1000000 AND o.bytes - m.middle > 7.4 * s.spread
ORDER BY o.bytes - m.middle DESC, service, host, pid, owner"""),
    "since": (
        "owners that grow in one version of a service and did not in the versions before",
        TRENDS + """,
versions AS (
    SELECT service, coalesce(version, '') AS version, min(time) AS first_time FROM captures GROUP BY service, coalesce(version, '')),
order_of_versions AS (
    SELECT service, version, first_time, row_number() OVER (PARTITION BY service ORDER BY first_time, version) AS place FROM versions),
before AS (
    SELECT l.service AS service, l.version AS version, l.name AS name, max(o.slope) AS most_before
    FROM leaks l
    JOIN versions v ON v.service = l.service AND v.version = l.version
    JOIN versions e ON e.service = l.service AND e.first_time < v.first_time
    JOIN owners_of_services o ON o.service = l.service AND o.version = e.version AND o.name = l.name
    GROUP BY l.service, l.version, l.name)
SELECT l.service AS service, l.name AS owner, e.version AS version_before, l.version AS version,
       coalesce(b.most_before, 0.0) AS most_bytes_per_hour_before, l.slope AS bytes_per_hour, v.first_time AS first_time
FROM leaks l
JOIN order_of_versions v ON v.service = l.service AND v.version = l.version
JOIN order_of_versions e ON e.service = v.service AND e.place = v.place - 1
LEFT JOIN before b ON b.service = l.service AND b.version = l.version AND b.name = l.name
WHERE coalesce(b.most_before, 0.0) < 0.1 * l.slope
ORDER BY bytes_per_hour DESC, service, owner, version"""),
    "first": (
        "suspects, with the first capture that has each and how many of the captures after it have it too",
        """
WITH captures AS (
    SELECT service, host, pid, time FROM {fleet} WHERE subject = 'capture' AND schema_version <= {schema}),
suspects AS (
    SELECT service, host, pid, time, name, kind, max(bytes) AS bytes
    FROM {fleet} WHERE subject = 'suspect' AND schema_version <= {schema}
    GROUP BY service, host, pid, time, name, kind),
firsts AS (
    SELECT service, name, kind, min(time) AS first_time, max(bytes) AS most, count(*) AS seen FROM suspects GROUP BY service, name, kind)
SELECT f.service AS service, f.name AS owner, f.kind AS pattern, f.first_time AS first_time, f.most AS most_bytes, f.seen AS seen, count(*) AS captures
FROM firsts f JOIN captures c ON c.service = f.service AND c.time >= f.first_time
GROUP BY f.service, f.name, f.kind, f.first_time, f.most, f.seen
ORDER BY most_bytes DESC, service, owner, pattern"""),
}
# What the questions take of the files.
COLUMNS = "schema_version, subject, service, host, pid, version, time, name, kind, bytes"
# What the engines spell differently: the files as a table, the exact median, and what makes ClickHouse read standard SQL.
ENGINES = {
    "duckdb": {"fleet": "read_parquet('%s/*/*/*.parquet', hive_partitioning = false)", "median": "median"},
    "clickhouse": {"fleet": "file('%s/*/*/*.parquet', Parquet)", "median": "quantileExactInclusive(0.5)",
                   "settings": "SETTINGS prefer_column_name_to_alias = 1, join_use_nulls = 1"},
    "spark": {"fleet": "fleet", "median": "median"},
}


def _text(question: str, fleet: str, median: str) -> str:
    return QUESTIONS[question][1].strip().format(fleet=fleet, median=median, schema=SCHEMA, least_captures=LEAST_CAPTURES, least_fit=LEAST_FIT,
                                                 least_part=LEAST_PART, least_last_part=LEAST_LAST_PART,
                                                 false_discovery_rate=FALSE_DISCOVERY_RATE)


class DuckDBNotInstalled(HeapglassError):
    """DuckDB answers the questions, and is not installed."""

    exit_code = 69


def questions(folder: str, engine: str = "duckdb") -> Dict[str, str]:
    """The SQL of each question for one of ENGINES. In Spark, `fleet` is a view of the files that the caller makes."""
    words = ENGINES[engine]
    quoted = folder.rstrip("/").replace("'", "''")
    fleet = words["fleet"] % quoted if "%s" in words["fleet"] else words["fleet"]
    return {name: "\n".join([_text(name, fleet, words["median"])] + [words[key] for key in ("settings",) if key in words])
            for name in QUESTIONS}


class Fleet:
    """The captures in a folder that `heapglass export --format fleet -o FOLDER` wrote."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        if not os.path.isdir(folder):
            raise HeapglassError("'%s' is no folder" % folder, "name the one that export --format fleet -o has", 5)
        if next(glob.iglob(os.path.join(glob.escape(folder), "*", "*", "*.parquet")), None) is None:
            raise HeapglassError("there is no capture in '%s'" % folder,
                                 "heapglass export TARGET --format fleet -o %s writes one" % folder, 5)
        if any(each in folder for each in "*?[{"):
            raise HeapglassError("'%s' has a character of patterns in its name" % folder, "rename the folder", 5)
        try:
            import duckdb
        except ImportError as error:
            raise DuckDBNotInstalled("DuckDB is not installed: %s" % error, "pip install 'heapglass[fleet]'") from None
        self._database: Any = duckdb.connect()
        self._error: Any = duckdb.Error
        # Read once, for all questions.
        self._rows("CREATE TEMP TABLE fleet AS SELECT %s FROM %s WHERE subject IN ('capture', 'owner', 'suspect')"
                   % (COLUMNS, ENGINES["duckdb"]["fleet"] % folder.rstrip("/").replace("'", "''")))

    def _rows(self, sql: str) -> List[Dict[str, Any]]:
        try:
            answer = self._database.execute(sql)
            names = [each[0] for each in answer.description or []]
            return [dict(zip(names, row)) for row in answer.fetchall()]
        except self._error as error:
            raise HeapglassError("DuckDB cannot read the captures in '%s': %s" % (self.folder, str(error).split("\n")[0]),
                                 "every *.parquet there is to be of export --format fleet", 5) from None

    def ask(self, question: str) -> List[Dict[str, Any]]:
        """The rows of one of QUESTIONS."""
        return self._rows(_text(question, "fleet", ENGINES["duckdb"]["median"]))

    def summary(self) -> Dict[str, Any]:
        """How many captures, processes and services there are, and what could not be taken."""
        (row,) = self._rows("""
            SELECT count(*) FILTER (subject = 'capture') AS captures,
                   count(DISTINCT service) AS services,
                   count(DISTINCT (service, host, pid)) AS processes,
                   min(time) AS first_time, max(time) AS last_time,
                   count(*) FILTER (subject = 'capture' AND schema_version > %d) AS of_newer_schemas
            FROM fleet""" % SCHEMA)
        (few,) = self._rows("""
            SELECT count(*) AS few FROM (SELECT 1 FROM fleet WHERE subject = 'capture' GROUP BY service, host, pid HAVING count(*) < %d)"""
                            % LEAST_CAPTURES)
        return dict(row, processes_with_few_captures=few["few"])


def _bytes(count: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(count) >= size:
            return "%.1f %s" % (count / size, unit)
    return "%d B" % count


def _utc(seconds: int) -> str:
    import datetime

    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ")


def _printable(value: Any) -> str:
    """Names come from the processes: whatever is no printable character is spelled out."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in str(value))


_CELLS = {
    "bytes_per_hour": lambda each: _bytes(each) + "/h", "most_bytes_per_hour_before": lambda each: _bytes(each) + "/h",
    "bytes": _bytes, "median_bytes": _bytes, "most_bytes": _bytes, "first_time": _utc,
    "p": lambda each: "%.1e" % each, "q": lambda each: "%.1e" % each,
}


def _table(rows: List[Dict[str, Any]], limit: int) -> List[str]:
    shown = rows[:limit] if limit else rows
    names = list(rows[0])
    cells = [[_CELLS.get(name, _printable)(row[name]) if row[name] is not None else "-" for name in names] for row in shown]
    widths = [max(len(name), *(len(row[at]) for row in cells)) for at, name in enumerate(names)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in [names] + cells]
    if len(rows) > len(shown):
        lines.append("and %d more (--limit 0 prints all)" % (len(rows) - len(shown)))
    return lines


def report(fleet: Fleet, limit: int) -> str:
    """The answers to all questions for people."""
    about = fleet.summary()
    lines = ["%d captures of %d processes of %d services, %s to %s" % (
        about["captures"], about["processes"], about["services"], _utc(about["first_time"]), _utc(about["last_time"]))]
    if about["of_newer_schemas"]:
        lines.append("note: %d captures were written by a later heapglass, and are left out" % about["of_newer_schemas"])
    if about["processes_with_few_captures"]:
        lines.append("note: of %d processes there are fewer than %d captures: nothing is said of their growth"
                     % (about["processes_with_few_captures"], LEAST_CAPTURES))
    for name, (what, _) in QUESTIONS.items():
        rows = fleet.ask(name)
        lines += ["", "%s: %s" % (name, what)] + (["  " + each for each in _table(rows, limit)] if rows else ["  none"])
    return "\n".join(lines)


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="heapglass fleet", description="Which services leak, and where: asks the captures in a folder that "
                                     "export --format fleet wrote, by DuckDB.")
    parser.add_argument("folder", metavar="FOLDER", help="what export --format fleet -o names")
    parser.add_argument("--question", choices=sorted(QUESTIONS), help="answer this one; without it all of them")
    parser.add_argument("--format", choices=["text", "json"], default="text", help="text (default) or json")
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="print N rows of each answer (default 20), 0: all; json has all")
    parser.add_argument("--sql", choices=sorted(ENGINES), metavar="ENGINE", help="print the SQL instead, for duckdb, clickhouse or spark")
    options = parser.parse_args(arguments)
    if options.limit < 0:
        parser.error("--limit is 0 or more")
    asked = [options.question] if options.question else list(QUESTIONS)
    try:
        if options.sql:
            texts = questions(options.folder, options.sql)
            print("\n\n".join("-- %s: %s\n%s;" % (each, QUESTIONS[each][0], texts[each]) for each in asked))
        elif options.format == "json":
            fleet = Fleet(options.folder)
            json.dump(dict(fleet.summary(), **{each: fleet.ask(each) for each in asked}), sys.stdout, indent=1)
            print()
        elif options.question:
            rows = Fleet(options.folder).ask(options.question)
            print("\n".join(_table(rows, options.limit)) if rows else "none")
        else:
            print(report(Fleet(options.folder), options.limit))
    except HeapglassError as error:
        print("heapglass fleet: %s" % error, file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
