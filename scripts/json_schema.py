"""JSON Schema as heapglass' own JSON needs it: inferred from samples, joined, and held against further ones. Also the list of
commands whose output docs/schema/ is made from and tested with. Used by scripts/renew-json-schema.

What is written is of draft 2020-12, of which `problems` knows what `schema_of` and `joined` make.
"""
import json
import os
import subprocess
import tempfile

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def is_keyed_by_names(path):
    """Of the path to an object: whether its members are names of the target or of a query."""
    return path == "query.rows[]" or path.endswith(".locals")


ID_OF = "ID OF "


def type_of(value):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return {str: "string", list: "array", dict: "object"}[type(value)]


def schema_of(value, path):
    """The strictest schema that a value satisfies; objects have no other members than these."""
    kind = type_of(value)
    schema = {"type": [kind]}
    if kind == "array":
        for each in value:
            item = schema_of(each, path + "[]")
            schema["items"] = joined(schema["items"], item) if "items" in schema else item
    elif kind == "object" and is_keyed_by_names(path):
        schema["additionalProperties"] = {}
        for each in value.values():
            schema["additionalProperties"] = joined(schema["additionalProperties"], schema_of(each, path + ".*"))
    elif kind == "object":
        schema["properties"] = {key: schema_of(each, path + "." + key) for key, each in value.items()}
        schema["required"] = sorted(value)
        schema["additionalProperties"] = False
    return schema


def joined(one, other, keeps_required=False):
    """What satisfies either of two. Words that people wrote into the first stay. `keeps_required`: the other is a part alone."""
    out = dict(one)
    types = set(one.get("type", [])) | set(other.get("type", []))
    if "number" in types:
        types.discard("integer")
    if types:
        out["type"] = sorted(types)
    if "items" in one or "items" in other:
        out["items"] = joined(one["items"], other["items"], keeps_required) if "items" in one and "items" in other else one.get("items") or other.get("items")
    if "properties" in one or "properties" in other:
        mine, theirs = one.get("properties", {}), other.get("properties", {})
        out["properties"] = {key: joined(mine[key], theirs[key], keeps_required) if key in mine and key in theirs else mine.get(key) or theirs.get(key) for key in list(mine) + [key for key in theirs if key not in mine]}
        is_required = [set(each["required"]) for each in (one, other) if "required" in each]
        out["required"] = sorted(is_required[0] if keeps_required else set.intersection(*is_required)) if is_required else []
        out["additionalProperties"] = False
    elif "additionalProperties" in one or "additionalProperties" in other:
        out["additionalProperties"] = joined(one.get("additionalProperties", {}), other.get("additionalProperties", {}))
    return out


def problems(value, schema, path="$"):
    """What is wrong with a value, a sentence each."""
    kind = type_of(value)
    allowed = schema.get("type")
    if allowed is not None and kind not in allowed and not (kind == "integer" and "number" in allowed):
        return ["%s is of type %s, not of %s" % (path, kind, " or ".join(allowed))]
    found = []
    if kind == "array" and "items" in schema:
        for at, each in enumerate(value):
            found += problems(each, schema["items"], "%s[%d]" % (path, at))
            if len(found) > 20:
                break
    if kind == "object":
        properties = schema.get("properties", {})
        found += ["%s has no %s" % (path, key) for key in schema.get("required", []) if key not in value]
        for key, each in value.items():
            if key in properties:
                found += problems(each, properties[key], path + "." + key)
            elif schema.get("additionalProperties") is False:
                found.append("%s has %s, which the schema does not know" % (path, key))
            elif schema.get("additionalProperties"):
                found += problems(each, schema["additionalProperties"], path + "." + key)
    return found


def plain(schema):
    """As it is written: a single type as a text, and in one order."""
    out = {}
    for key in ("$schema", "$id", "title", "description"):
        if key in schema:
            out[key] = schema[key]
    types = schema.get("type", [])
    if types:
        out["type"] = types[0] if len(types) == 1 else types
    if "items" in schema:
        out["items"] = plain(schema["items"])
    if "properties" in schema:
        out["properties"] = {key: plain(each) for key, each in schema["properties"].items()}
        out["required"] = schema.get("required", [])
        out["additionalProperties"] = False
    elif schema.get("additionalProperties"):
        out["additionalProperties"] = plain(schema["additionalProperties"])
    return out


def loose(schema):
    """The opposite: types as lists."""
    out = dict(schema)
    if isinstance(out.get("type"), str):
        out["type"] = [out["type"]]
    if "items" in out:
        out["items"] = loose(out["items"])
    if "properties" in out:
        out["properties"] = {key: loose(each) for key, each in out["properties"].items()}
    if isinstance(out.get("additionalProperties"), dict):
        out["additionalProperties"] = loose(out["additionalProperties"])
    return out


def keys_of(schema):
    keys = set(schema.get("properties", {}))
    for each in schema.get("properties", {}).values():
        keys |= keys_of(each)
    return keys | (keys_of(schema["items"]) if "items" in schema else set())


# Programs, what they are started with, and the command lines whose output is looked at. PID is the program's, FIRST and SECOND
# are snapshots of it, RULES is testdata/guard.rules, BARE one without values, LATER one after it has worked on, OTHER one of another program.
RUNS = [
    ("forked_family.py", ["2", "4", "collect", "count"], [
        ["memory", "--family", "PID"], ["histogram", "--family", "PID"], ["leaks", "--family", "PID"], ["stacks", "--family", "PID"]]),
    ("library_zoo.py", [], [
        ["overview", "PID"], ["ps"], ["guard", "RULES", "--check"], ["info", "PID"], ["info", "PID", "--no-heap"], ["info", "FIRST"], ["info", "BARE"],
        ["histogram", "PID"], ["histogram", "PID", "--limit", "0"], ["histogram", "PID", "--type", "dict"],
        ["objects", "PID", "--type", "dict", "--limit", "20"], ["objects", "PID", "--where", "size > 0", "--limit", "500", "--paths"],
        ["objects", "PID", "--type", "type", "--sort", "retained"], ["objects", "BARE", "--type", "str", "--limit", "20"],
        ["backrefs", "PID", "--type", "decimal.Decimal"], ["backrefs", "PID", "--type", "dict", "--limit", "2", "--extra-info", "size,retained", "--highlight", "size > 100"],
        ["refs", "PID", "--type", "collections.OrderedDict"], ["refs", "PID", "--type", "module", "--limit", "2", "--refcounts"],
        ["path", "PID", "--type", "decimal.Decimal"], ["path", "PID", "--type", "collections.OrderedDict", "--all", "3"], ["path", "PID", "--type", "function"],
        ["retained", "PID"], ["retained", "PID", "--tree", "--depth", "3"], ["retained", "PID", "--type", "dict", "--limit", "5"],
        ["leaks", "PID"], ["garbage", "PID"], ["garbage", "PID", "--held-by-c"],
        ["memory", "PID"], ["memory", "PID", "--arenas", "--limit", "0"], ["memory", "PID", "--without", "sys"], ["memory", "PID", "--owners"], ["memory", "FIRST"],
        ["tracemalloc", "PID"], ["stacks", "PID"], ["stacks", "PID", "--locals"], ["selfcheck", "PID"],
        ["query", "PID", "SELECT * FROM objects", "--limit", "5"], ["query", "PID", "--tables"], ["query", "PID", "SELECT count(*) AS n FROM refs"],
        ["diff", "FIRST", "SECOND"], ["diff", "PID", "--every", "100ms", "--times", "2"], ["diff", "FIRST", "SECOND", "PID", "--survivors"],
        ["report", "PID"], ["report", "FIRST", "SECOND", "PID"], ["leaks", "FIRST", "SECOND"],
        ["watch", "PID", "--interval", "200ms", "--duration", "500ms"], ["watch", "PID", "--interval", "200ms", "--duration", "500ms", "--lines"]]
        + [["show", "PID", "--id", ID_OF + name] for name in ("str", "dict", "module", "type", "function", "deque", "Decimal", "tuple", "list", "method", "cell", "code", "frozenset", "bytes")]),
    ("stacks.py", ["--deadlock"], [["stacks", "PID"], ["stacks", "PID", "--locals", "--unfold"], ["stacks", "PID", "--native"], ["stacks", "FIRST"], ["leaks", "PID"], ["overview", "PID"], ["report", "PID"], ["info", "PID"], ["memory", "PID"]]),
    ("await_chains.py", [], [["stacks", "PID"], ["stacks", "PID", "--locals"], ["leaks", "PID"], ["report", "PID"]]),
    ("garbage.py", [], [["garbage", "PID"], ["garbage", "PID", "--held-by-c"], ["leaks", "PID"], ["report", "PID"], ["overview", "PID"]]),
    ("leaks/handlers.py", [], [["leaks", "FIRST", "LATER"], ["diff", "FIRST", "LATER"], ["diff", "FIRST", "LATER", "--fail-if", "growth(count(__main__.Widget)) > 5"],
                               ["leaks", "FIRST", "LATER", "--fail-if", "growth(count(__main__.Widget)) > 5"], ["diff", "FIRST", "SECOND", "LATER", "--survivors"], ["diff", "OTHER", "LATER"],
                               ["since", "FIRST", "SECOND", "LATER", "--type", "Widget"], ["since", "LATER", "FIRST", "SECOND", "--owner", "__main__.events.handlers"], ["since", "OTHER", "LATER", "--type", "Widget"],
                               ["leaks", "PID", "--every", "100ms", "--times", "2"], ["report", "FIRST", "LATER"], ["path", "PID", "--type", "Widget"], ["overview", "PID"],
                               ["path", "PID", "--where", "type == Widget"], ["memory", "PID", "--without", "__main__.events.handlers"], ["backrefs", "PID", "--type", "Widget", "--limit", "3"]]
                              + [["diff"] + ["FIRST"] * 6 + ["LATER"] * 6, ["report"] + ["FIRST"] * 6 + ["LATER"] * 6]),
    ("leaks/files.py", [], [["leaks", "PID"], ["overview", "PID"]]),
    ("leaks/generators.py", [], [["leaks", "PID"]]),
    ("leaks/lru_cache.py", [], [["leaks", "PID"], ["report", "PID"]]),
    ("leaks/class_dict.py", [], [["leaks", "PID"]]),
    ("traced.py", ["FOLDER"], [["tracemalloc", "PID"], ["tracemalloc", "PID", "--group", "filename"], ["tracemalloc", "PID", "--group", "traceback"], ["tracemalloc", "PID", "--cumulative"],
                               ["tracemalloc", "LATER", "--compare", "FIRST"], ["leaks", "PID"], ["show", "PID", "--id", ID_OF + "Thing"], ["report", "PID"], ["memory", "PID"]]),
    ("busy.py", ["2000"], [["watch", "PID", "--interval", "500ms", "--duration", "1500ms", "--lines"], ["stacks", "PID"], ["info", "PID", "--freeze", "none"], ["memory", "PID", "--freeze", "none"]]),
    ("greenlets.py", [], [["stacks", "PID"], ["report", "PID"]]),
    ("held.py", [], [["leaks", "PID"], ["path", "PID", "--type", "dict"], ["garbage", "PID", "--held-by-c"], ["show", "PID", "--id", ID_OF + "list"]]),
]


# Parts of documents that no program of testdata/ makes heapglass print: rows that are there where heapglass itself is wrong,
# and several states of a process at once.
ABOUT = [{"heapglass": "x", "host": "x", "pid": 1, "started": 1, "container": "x", "time": 0.5},
         {"heapglass": "x", "host": None, "pid": None, "started": None, "container": None, "time": None}]
RARE = [
    # Of a process in a container, and of a core file.
    *((command, {"about": about}) for about in ABOUT
      for command in sorted({words[0] for _, _, lines in RUNS for words in lines} | {"processes"})),
    *(("diff", {"compared": [about]}) for about in ABOUT),
    ("processes", {"private_inherited": None, "freeze_keeps": None, "freeze_keeps_at_most": None, "immortal_keeps": None}),
    ("processes", {"left_out": [{"pid": 1, "why": "x", "command": "x"}], "outlier": "x", "processes": [{"error": "x"}]}),
    ("info", {"state": ["stopped", "traced"]}), ("overview", {"state": ["stopped", "traced"]}), ("report", {"info": {"state": ["stopped", "traced"]}}),
    ("guard", {"watched": [{"limit": 1}]}),
    # Of machine code that no symbol names, in no file, and of a stack that is not whole; and of threads without Python.
    *(("stacks", {"threads": [native], "other_threads": [{"threads": 1, "name": native["native_ends"], "state": "x", "tids": "1", **native}]})
      for native in ({"native_frames": [{"function": text, "file": text, "offset": 1, "address": 1, "python_frames": text and 1}], "native_ends": text} for text in ("x", None))),
    ("stacks", {"other_threads": [{"threads": 1, "name": "x", "state": "x", "tids": "1"}]}),
    ("memory", {"without": {"given_back_bytes": None, "malloc_trim_bytes": None}}),
    ("since", {"growth": {"change": "rate", "bytes_per_hour": 0.5, "bytes_per_hour_before": 0.5, "step_bytes": 0.5}}),
    ("selfcheck", {"python": "3.11.2", "objects": 1, "references": 1, "retried": 0, "not_objects": 0, "run_ms": 0.5,
                   "types": [{"type": "x", "objects": 1, "different": 1, "only_layout": 1, "only_running": 1, "failed": 0, "unknown": 0, "example": 1},
                             {"type": "x", "objects": 1, "different": 0, "only_layout": 0, "only_running": 0, "failed": 0, "unknown": 1, "example": None}]}),
]


class Program:
    """One of testdata/programs/, ready, until the block ends."""

    def __init__(self, python, checkout, name, arguments, folder):
        path = os.path.join(checkout, "testdata", "programs", name)
        arguments = [folder if each == "FOLDER" else each for each in arguments]
        self.process = subprocess.Popen([python, "-B", "-W", "ignore", path] + arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.ready = self.process.stdout.readline().startswith(b"READY")

    def __enter__(self):
        return self

    def work_on(self):
        """Where it takes a number, as those of leaks/ do."""
        self.process.stdin.write(b"100\n")
        self.process.stdin.flush()
        self.process.stdout.readline()

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def documents(text):
    """One, or one a line."""
    try:
        return [json.loads(text)]
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line]


def samples(heapglass, python, checkout, runs=RUNS, told=None):
    """(command line, document) of every command of `runs`; `told` hears of those that answer nothing."""
    for name, arguments, commands in runs:
        with tempfile.TemporaryDirectory() as folder, Program(python, checkout, name, arguments, folder) as program:
            if not program.ready:
                if told:
                    told("%s: %s does not start" % (python, name))
                continue
            pid = str(program.process.pid)
            words = {"PID": pid, "RULES": os.path.join(checkout, "testdata", "guard.rules")}

            def run(command, pid=pid):
                return subprocess.run([heapglass] + command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)

            def snapshot(word, *options):
                words[word] = os.path.join(folder, word + ".hg")
                run(["snapshot", pid, "-o", words[word], *options])

            def snapshot_of_another():
                with Program(python, checkout, "leaks/dict_cache.py", [], folder) as other:
                    words["OTHER"] = os.path.join(folder, "OTHER.hg")
                    run(["snapshot", str(other.process.pid), "-o", words["OTHER"]])

            used = {word for command in commands for word in command}
            for word, options in (("FIRST", ()), ("SECOND", ()), ("BARE", ("--no-values",))):
                if word in used:
                    snapshot(word, *options)
            if "OTHER" in used:
                snapshot_of_another()
            if "LATER" in used:
                if name.startswith("leaks/"):
                    program.work_on()
                snapshot("LATER")
            for command in commands:
                filled = []
                for word in command:
                    if word.startswith(ID_OF):
                        found = run(["objects", pid, "--type", word[len(ID_OF):], "--limit", "1", "--format", "json"]).stdout
                        word = hex(json.loads(found)["objects"][0]["id"]) if found else "0x0"
                    filled.append(words.get(word, word))
                done = run(filled + ["--format", "json"])
                if not done.stdout:
                    if told:
                        told("%s: %s: %s" % (name, " ".join(command), done.stderr.decode(errors="replace").strip()))
                    continue
                for document in documents(done.stdout.decode()):
                    if "--family" in command:
                        # Of several processes: its own shape, with the documents of the command in it.
                        for each in document["processes"]:
                            yield command, each.pop("answer")
                        yield ["processes"] + command, document
                    else:
                        yield command, document
