// heapglass ui, asked as a browser would: what it answers is what the commands answer.

#include <gtest/gtest.h>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

// Starts ui over a port and over a Unix socket, and compares. The program is ended with the script.
constexpr char kAsks[] = R"py(
import http.client, json, os, signal, socket, subprocess, sys, urllib.parse

heapglass, target, folder = sys.argv[1:]

def command(*words):
    return json.loads(subprocess.run([heapglass, *words, "--format", "json"], check=True, stdout=subprocess.PIPE).stdout)

class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.host)

def get(make, path, **headers):
    connection = make()
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    return response.status, response.read()

def started(*options):
    ui = subprocess.Popen([heapglass, "ui", target, "--stay", *options], stdout=subprocess.PIPE, text=True)
    return ui, ui.stdout.readline().strip()

snapshot = os.path.join(folder, "held.hg")
subprocess.run([heapglass, "snapshot", target, "-o", snapshot], check=True, stdout=subprocess.DEVNULL)
target = snapshot  # of one moment, so that both tell the same

path_of_socket = os.path.join(folder, "socket")
for options in ([], ["--socket", path_of_socket]):
    ui, said = started(*options)
    try:
        if options:
            assert os.stat(path_of_socket).st_mode & 0o777 == 0o600, oct(os.stat(path_of_socket).st_mode)
            token = said.split("(path ")[1].rstrip(")")
            make = lambda: Unix(path_of_socket)
        else:
            address = urllib.parse.urlsplit(said)
            token = address.path
            make = lambda: http.client.HTTPConnection(address.hostname, address.port)
        ask = lambda question, **words: json.loads(get(make, token + question + "?" + urllib.parse.urlencode(words))[1])

        found = command("objects", target, "--type", "dict", "--limit", "5", "--sort", "retained")
        answer = ask("objects", type="dict", limit="5")
        assert answer["objects"] == found["objects"] and answer["matches"] == found["matches"], (answer, found)
        one = hex(found["objects"][0]["id"])
        shown, answer = command("show", target, "--id", one), ask("object", id=one, limit="20")
        for key in ("id", "type", "size", "retained_bytes", "retained_objects", "path", "path_ids", "referents", "referrers"):
            assert answer[key] == shown[key], (key, answer[key], shown[key])
        # What it alone keeps alive: their retained sizes and its own add up to its retained size.
        below = ask("dominated", id=one, limit="5000")
        assert below["matches"] == len(below["objects"]), below["matches"]
        total = sum(each["retained_bytes"] for each in below["objects"])
        own = shown["retained_bytes"] - total
        assert 0 < own <= shown["size"] + (shown["external_bytes"] or 0), (own, shown)
        sql = "SELECT type, count(*) AS n FROM objects GROUP BY type ORDER BY n DESC, type LIMIT 7"
        assert ask("query", sql=sql)["rows"] == command("query", target, sql)["rows"]
        assert "builtins.dict" in ask("names")["types"]
        status, page = get(make, token)
        assert status == 200 and b"connect-src 'self'" in page and b"@HEAPGLASS" not in page, status
        # Neither process has rights that it does not need: a filter of system calls, and nobody where it was root.
        def fields(pid):
            with open("/proc/%d/status" % pid) as lines:
                return dict(line.rstrip("\n").split(":\t", 1) for line in lines if ":\t" in line)
        family = [ui.pid] + [int(each) for each in os.listdir("/proc") if each.isdigit() and os.path.exists("/proc/%s/status" % each)
                             and fields(int(each)).get("PPid") == str(ui.pid)]
        assert len(family) >= 2, family
        for pid in family:
            assert fields(pid)["Seccomp"] == "2" and fields(pid)["Uid"].split()[0] != "0", (pid, fields(pid))
        # Wrong questions are answers, and it goes on.
        for question in ("object?id=0x10", "object?id=x", "object", "objects?limit=0", "objects?where=size+%3E",
                         "objects?sort=colour", "query?sql=DELETE+FROM+objects", "query", "elsewhere", "..%2f..%2fetc%2fpasswd"):
            status, text = get(make, token + question)
            assert status in (400, 404) and json.loads(text)["error"], (question, status, text)
        for path in ("/", "/" + "0" * 32 + "/", token[:-2] + "/object", "/etc/passwd"):
            assert get(make, path)[0] == 403, path
        assert get(make, token, Origin="http://elsewhere.example")[0] == 403
        if not options:
            assert get(make, token, Host="elsewhere.example")[0] == 403
        # Bytes that are no request, and one that is never finished, stop nobody else.
        for junk in (b"\0" * 1000, b"GET " + b"x" * 200000, b"GET / HTTP/1.1\r\nHost"):
            raw = socket.socket(socket.AF_UNIX if options else socket.AF_INET)
            raw.connect(path_of_socket if options else (address.hostname, address.port))
            try:
                raw.sendall(junk)
            except OSError:
                pass  # it has hung up
            assert ask("names")["types"], junk[:20]
            raw.close()
    finally:
        ui.send_signal(signal.SIGINT)
        ui.wait(10)
    assert ui.returncode in (130, -signal.SIGINT), ui.returncode
print("asked")
)py";

// Objects with many references: exact counts and the first of them, as SQL has them.
constexpr char kAsksOfMany[] = R"py(
import json, subprocess, sys

heapglass, target = sys.argv[1:]

def command(*words):
    return json.loads(subprocess.run([heapglass, *words, "--limit", "20", "--format", "json"], check=True, stdout=subprocess.PIPE).stdout)

def sql(text):
    return command("query", target, text)["rows"]

many = [row["id"] for row in sql("SELECT holder AS id FROM refs GROUP BY holder ORDER BY count(*) DESC LIMIT 3")]
many += [row["id"] for row in sql("SELECT held AS id FROM refs GROUP BY held ORDER BY count(*) DESC LIMIT 5")]
few = [row["id"] for row in sql("SELECT id FROM objects WHERE type = '__main__.Widget' ORDER BY id LIMIT 2")]
for one in many + few:
    shown = command("show", target, "--id", hex(one))
    for table, of, other in (("referents", "holder", "held"), ("referrers", "held", "holder")):
        count = sql("SELECT count(DISTINCT %s) AS n FROM refs WHERE %s = %d" % (other, of, one))[0]["n"]
        first = [row["id"] for row in sql("SELECT DISTINCT %s AS id FROM refs WHERE %s = %d ORDER BY 1 LIMIT 20" % (other, of, one))]
        assert [row["id"] for row in shown[table]] == first, (hex(one), table, shown[table], first)
        text = subprocess.run([heapglass, "show", target, "--id", hex(one), "--limit", "20"], check=True, stdout=subprocess.PIPE, text=True).stdout
        assert count <= 20 or "%d more: --limit 0" % (count - 20) in text, (hex(one), table, count, text[-500:])
    found = sql("SELECT count(*) AS n FROM refs WHERE held = %d AND class != 'weak'" % one)[0]["n"]
    assert shown["found"] == found, (hex(one), shown["found"], found)
    print(max(len(shown["referents"]), len(shown["referrers"])))
assert sql("SELECT count(*) AS n FROM refs GROUP BY holder ORDER BY 1 DESC LIMIT 1")[0]["n"] > 4096
)py";

TEST(Ui, CountsTheReferencesOfLargeObjects) {
  if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
  PythonProgram program(supported_interpreters().back().path, "leaks/handlers.py");
  ASSERT_EQ(program.ask("6000"), "DONE");
  const TemporaryFolder folder;
  const std::string snapshot = folder.file("moment.hg");
  ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "snapshot", program.target(), "-o", snapshot}).status, 0);
  const Outcome asked = run_command({"python3", "-c", kAsksOfMany, HEAPGLASS_PROGRAM, snapshot});
  EXPECT_EQ(asked.status, 0) << asked.err;
  EXPECT_EQ(std::count(asked.out.begin(), asked.out.end(), '\n'), 10) << asked.out;
}

// Two targets: what stands beside each other is what the commands say of each, and each is asked by its
// letter.
constexpr char kAsksBoth[] = R"py(
import http.client, json, re, signal, subprocess, sys, urllib.parse

heapglass, a, b = sys.argv[1:]

def command(*words):
    return json.loads(subprocess.run([heapglass, *words, "--format", "json"], check=True, stdout=subprocess.PIPE).stdout)

ui = subprocess.Popen([heapglass, "ui", a, b, "--stay"], stdout=subprocess.PIPE, text=True)
try:
    address = urllib.parse.urlsplit(ui.stdout.readline().strip())

    def get(path):
        connection = http.client.HTTPConnection(address.hostname, address.port)
        connection.request("GET", address.path + path)
        response = connection.getresponse()
        return response.status, response.read().decode()

    def ask(question, **words):
        return json.loads(get(question + "?" + urllib.parse.urlencode(words))[1])

    status, page = get("")
    data = json.loads(re.search(r'<script type="application/json" id="data"[^>]*>(.*?)</script>', page, re.S).group(1))
    beside = data["side_by_side"]
    for letter, target, report in zip("ab", (a, b), data["targets"]):
        assert report["histogram"]["types"] and report["memory"]["rows"], report.keys()
        # A process goes on between the page and the command; a snapshot and a core do not.
        if target.isdigit():
            continue
        said = {row["type"]: row for row in command("histogram", target, "--limit", "0")["types"]}
        shown = {row["type"]: row for row in beside["types"]}
        for name, row in said.items():
            if name in shown:
                assert shown[name]["count_" + letter] == row["count"], (name, shown[name], row)
        for name, row in shown.items():
            assert row["count_" + letter] == said.get(name, {"count": 0})["count"], (name, row)
        bill = command("memory", target)
        by_category = {}
        for row in bill["rows"]:
            by_category[row["category"]] = by_category.get(row["category"], 0) + row["bytes"]
        both = {}
        for row in beside["bill"]:
            both[row["category"]] = both.get(row["category"], 0) + row["bytes_" + letter]
        assert {k: v for k, v in both.items() if v} == by_category, (both, by_category)
    for table in ("types", "owners", "bill"):
        for row in beside[table]:
            assert row["bytes_delta"] == row["bytes_b"] - row["bytes_a"] and row["count_delta"] == row["count_b"] - row["count_a"], row
    # What only one of them has is found in that one.
    for mine, other, letter in (("A", "B", "a"), ("B", "A", "b")):
        alone = [row["type"] for row in beside["types"] if row["count_" + letter] and not row["count_" + ("b" if letter == "a" else "a")]]
        assert alone, (mine, len(beside["types"]))
        found = ask("objects", type=alone[0], limit="1", **{"in": mine})
        one = hex(found["objects"][0]["id"])
        assert ask("object", id=one, **{"in": mine})["type"] == alone[0]
        status, text = get("objects?type=" + urllib.parse.quote(alone[0]) + "&in=" + other)
        assert status == 400, (status, text)
        sql = "SELECT count(*) AS n FROM objects WHERE type = '%s'" % alone[0].replace("'", "''")
        counts = [ask("query", sql=sql, **{"in": each})["rows"][0]["n"] for each in "AB"]
        assert bool(counts[0]) == (mine == "A") and bool(counts[1]) == (mine == "B"), counts
        assert get("picture?id=%s&in=%s" % (one, mine))[0] == 200
        names = ask("names", **{"in": mine})
        assert alone[0] in names["types"] and "SELECT" in names["sql"] and {"word": "and", "what": "both"} in names["conditions"]
    assert ask("objects", type="dict", limit="1") == ask("objects", type="dict", limit="1", **{"in": "A"})
    status, text = get("names?in=C")
    assert status == 400 and "use A or B" in text, text
    # Neither heap is asked with rights that were for opening it.
    with open("/proc/%d/status" % ui.pid) as lines:
        fields = dict(line.rstrip("\n").split(":\t", 1) for line in lines if ":\t" in line)
    assert fields["Seccomp"] == "2" and fields["Uid"].split()[0] != "0", fields
finally:
    ui.send_signal(signal.SIGINT)
    ui.wait(10)
print("asked")
)py";

TEST(Ui, ShowsTwoTargetsOfAnyKindSideBySide) {
  if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
  const Interpreter first = supported_interpreters().front();
  const Interpreter last = supported_interpreters().back();
  const PythonProgram held(last.path, "held.py"), other(first.path, "leaks/handlers.py");
  const TemporaryFolder folder;
  const std::string snapshot = folder.file("held.hg");
  ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "snapshot", held.target(), "-o", snapshot}).status, 0);
  std::vector<std::pair<std::string, std::string>> mixes{{snapshot, other.target()},
                                                         {other.target(), snapshot}};
  if (const std::string core = gcore(other, folder); !core.empty()) mixes.emplace_back(core, snapshot);
  for (const auto& [a, b] : mixes) {
    const Outcome asked = run_command({"python3", "-c", kAsksBoth, HEAPGLASS_PROGRAM, a, b});
    EXPECT_EQ(asked.status, 0) << a << " " << b << "\n" << asked.err;
    EXPECT_EQ(asked.out, "asked\n");
  }
  const Outcome refused = run_command({HEAPGLASS_PROGRAM, "ui", snapshot, snapshot, snapshot});
  EXPECT_EQ(refused.status, 2);
  EXPECT_NE(refused.err.find("two targets at most"), std::string::npos) << refused.err;
}

TEST(Ui, AnswersAsTheCommandsDo) {
  if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
  const PythonProgram program(supported_interpreters().back().path, "held.py");
  const TemporaryFolder folder;
  const Outcome asked =
      run_command({"python3", "-c", kAsks, HEAPGLASS_PROGRAM, program.target(), folder.path()});
  EXPECT_EQ(asked.status, 0) << asked.err;
  EXPECT_EQ(asked.out, "asked\n");
}

TEST(Ui, IsRefusedWhereItCannotListenOrHasAFormat) {
  for (const std::vector<std::string>& options : {std::vector<std::string>{"--socket", "/nowhere/at/all"},
                                                  {"--socket", std::string(300, 'x')},
                                                  {"--format", "json"},
                                                  {"-o", "x.html"},
                                                  {"--port", "70000"},
                                                  {"--port", "80", "--socket", "x"}}) {
    std::vector<std::string> command{HEAPGLASS_PROGRAM, "ui", std::to_string(getpid())};
    command.insert(command.end(), options.begin(), options.end());
    const Outcome refused = run_command(command);
    EXPECT_EQ(refused.status, 2) << options.front();
    EXPECT_EQ(std::count(refused.err.begin(), refused.err.end(), '\n'), 1) << refused.err;
  }
}

}  // namespace
}  // namespace heapglass
