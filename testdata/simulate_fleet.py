"""Writes the captures of a made-up fleet, in the form of real ones, for tests of `heapglass fleet`.

usage: simulate_fleet.py TEMPLATE.parquet FOLDER [--services N] [--captures N] [--leaks N] [--seed N]

TEMPLATE is what `export --format fleet` wrote of a real process: its columns, types and owners stay, and their sizes get the
noise of processes that work. Prints as JSON what was planted: {"leaks": {SERVICE: [OWNER, BYTES_PER_HOUR, VERSION]}, "outlier":
[SERVICE, HOST, OWNER]}. The owners that do not leak fill caches that stop to grow, go up and down, wander, or stay.
"""
import argparse
import json
import math
import os
import random
import sys

import pyarrow
import pyarrow.parquet

HOUR = 3600
BEGIN = 1_800_000_000


def levels(kind, rng, size):
    """A function of the hours since the process began, in bytes."""
    noise = rng.uniform(0.005, 0.05)
    period, phase = rng.uniform(0.5, 6), rng.uniform(0, 6)
    fills_in = rng.uniform(0.3, 3)
    state = [0.0]

    def level(hours):
        wave = rng.gauss(0, noise)
        if kind == "cache":
            return size * ((1 - math.exp(-hours / fills_in)) + wave)
        if kind == "saw":
            return size * (0.5 + 0.5 * ((hours + phase) % period) / period + wave)
        if kind == "wander":
            state[0] = 0.8 * state[0] + rng.gauss(0, 0.1)
            return size * max(0.1, 1 + state[0])
        if kind == "steps":
            return size * (1 + (0.5 if math.sin((hours + phase) / period) > 0 else 0) + wave)
        return size * (1 + wave)

    return level


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].replace("usage: ", ""))
    parser.add_argument("template")
    parser.add_argument("folder")
    parser.add_argument("--services", type=int, default=300)
    parser.add_argument("--captures", type=int, default=10_000)
    parser.add_argument("--leaks", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    template = pyarrow.parquet.read_table(options.template, partitioning=None)
    rows = template.to_pylist()
    owners = [at for at, row in enumerate(rows) if row["subject"] == "owner" and row["name"] != "(others)"]
    capture = next(at for at, row in enumerate(rows) if row["subject"] == "capture")
    own = ["orders.cache", "api.sessions", "metrics.labels", "jobs.results", "class app.Event", "db.pool.waiting"]
    columns = {name: [row[name] for row in rows] for name in template.column_names}
    leaky = set(rng.sample(range(options.services), options.leaks))
    planted = {"leaks": {}, "outlier": None}
    left = options.captures
    for service in range(options.services):
        name = "service-%03d" % service
        of_this = left // (options.services - service)
        left -= of_this
        processes = 1 if of_this < 24 else rng.choice([1, 2, 3]) if of_this < 60 else 4
        if service == 0:
            processes = min(4, max(1, of_this // 6))
        leak_at = rng.choice(range(len(own))) if service in leaky else None
        rate = rng.uniform(0.3e6, 30e6)
        versions = ["1.%d" % rng.randrange(5), "2.%d" % rng.randrange(5)]
        leaks_in = rng.choice(["both", "second"]) if leak_at is not None else "none"
        if leak_at is not None:
            planted["leaks"][name] = [own[leak_at], rate, versions[1] if leaks_in == "second" else None]
        kinds = [rng.choice(["cache", "saw", "wander", "steps", "stays"]) for _ in own]
        sizes = [rng.uniform(0.2e6, 20e6) for _ in own]
        folder = os.path.join(options.folder, "service=" + name, "date=2027-01-15")
        os.makedirs(folder)
        for process in range(processes):
            host, pid = "host-%d" % (service * 4 + process), rng.randrange(300, 60_000)
            count = of_this // processes + (process < of_this % processes)
            # A new version is a new process, half-way, where only the second leaks.
            lives = [(versions[0], pid, count // 2), (versions[1], pid + 1, count - count // 2)] \
                if leaks_in == "second" and count >= 16 else [(versions[1], pid, count)]
            if leaks_in == "second" and len(lives) == 1:
                planted["leaks"][name][2] = None
            begin = BEGIN + rng.randrange(HOUR)
            for version, life, captures in lives:
                series = [levels(kind, rng, size) for kind, size in zip(kinds, sizes)]
                hours_between = rng.uniform(0.2, 1.0)
                leaks = leak_at is not None and (leaks_in == "both" or version == versions[1])
                outlier = service == 0 and processes >= 3 and process == 1
                for at in range(captures):
                    hours = at * hours_between
                    seconds = begin + int(hours * HOUR)
                    out = {key: list(values) for key, values in columns.items()}
                    for place in owners:
                        out["bytes"][place] = int(out["bytes"][place] * (1 + rng.gauss(0, 0.002)))
                    for index, owner in enumerate(own):
                        size = series[index](hours)
                        if leaks and index == leak_at:
                            size += rate * hours * rng.uniform(0.97, 1.03)
                        if outlier and index == 0:
                            size += 200e6
                            planted["outlier"] = [name, host, owner]
                        for key in out:
                            out[key].append(None)
                        out["schema_version"][-1], out["subject"][-1] = 1, "owner"
                        out["name"][-1], out["kind"][-1], out["bytes"][-1] = owner, "dict", int(max(0, size))
                    length = len(out["name"])
                    out["bytes"][capture] = sum(out["bytes"][place] for place in range(length) if out["subject"][place] == "owner")
                    for key, value in (("service", name), ("host", host), ("pid", life), ("time", seconds), ("version", version),
                                       ("rss", out["bytes"][capture] + 30_000_000)):
                        out[key] = [value] * length
                    file = os.path.join(folder, "%d-%s-%d.parquet" % (seconds, host, life))
                    pyarrow.parquet.write_table(pyarrow.table(out, schema=template.schema), file, compression="zstd")
                begin += int(captures * hours_between * HOUR) + 60
    json.dump(planted, sys.stdout)


main()
