// --family, --cgroup, --container, --user and --all: one command for several processes.

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "cmd/tests/control_group.h"
#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

namespace fs = std::filesystem;

using Words = std::vector<std::string>;

// What a Python program says of JSON: "" where it finds nothing wrong. It has the answer as `answer` and the
// other words as `words`.
std::string checked(const std::string& json, const std::string& program, const Words& words = {}) {
  const TemporaryFolder folder;
  std::ofstream(folder.file("answer.json")) << json;
  Words command{"python3", "-c",
                "import json, sys\nanswer = json.load(open(sys.argv[1]))\nwords = sys.argv[2:]\n" + program,
                folder.file("answer.json")};
  command.insert(command.end(), words.begin(), words.end());
  const Outcome outcome = run_command(command);
  return outcome.status == 0 ? "" : outcome.err + outcome.out;
}

Words workers_of(const PythonProgram& master) {
  std::istringstream words(master.ready_line().substr(5));
  Words pids;
  for (std::string pid; words >> pid;) pids.push_back(pid);
  return pids;
}

Outcome heapglass(Words words) {
  words.insert(words.begin(), HEAPGLASS_PROGRAM);
  return run_command(words);
}

constexpr char kHasAll[] = R"py(
assert sorted(str(p["pid"]) for p in answer["processes"]) == sorted(words), answer["processes"]
for p in answer["processes"]:
    assert p["exit_code"] == 0 and p["error"] is None and p["answer"], p
    assert p["rss"] > p["pss"] > 100000, p
)py";

class Families : public testing::TestWithParam<Interpreter> {};

TEST_P(Families, AnswersAreThoseOfEachProcessAlone) {
  PythonProgram master(GetParam().path, "forked_workers.py", {"3", "4"});
  const Words workers = workers_of(master);
  ASSERT_EQ(workers.size(), 3u);
  Words all = workers;
  all.push_back(master.target());
  // Of a worker the family is its master's.
  for (const std::string& member : {master.target(), workers[1]}) {
    const Outcome outcome = heapglass({"histogram", "--family", member, "--limit", "0", "--format", "json"});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(checked(outcome.out, kHasAll, all), "");
    Words words{HEAPGLASS_PROGRAM};
    words.insert(words.end(), all.begin(), all.end());
    EXPECT_EQ(checked(outcome.out, R"py(
import subprocess
for p in answer["processes"]:
    alone = json.loads(subprocess.check_output(
        [words[0], "histogram", str(p["pid"]), "--limit", "0", "--format", "json"]))
    count = lambda a: next(t["count"] for t in a["types"] if t["type"] == "__main__.Page")
    assert count(alone) == count(p["answer"]) > 0
    assert abs(p["objects"] - alone["total"]["objects"]) < 100, (p["objects"], alone["total"])
    assert p["master"] == (None if str(p["pid"]) == words[-1] else int(words[-1])), p
)py",
                      words),
              "");
  }
  for (const char* command : {"leaks", "memory", "stacks"}) {
    const Outcome outcome = heapglass({command, "--family", workers[0], "--format", "json"});
    ASSERT_EQ(outcome.status, 0) << command << outcome.err;
    EXPECT_EQ(checked(outcome.out, kHasAll, all), "") << command;
  }
}

TEST_P(Families, TextAndCsvNameEachProcess) {
  PythonProgram master(GetParam().path, "forked_workers.py", {"2", "4"});
  Words all = workers_of(master);
  all.push_back(master.target());
  const Outcome text = heapglass({"leaks", "--family", master.target()});
  const Outcome csv = heapglass({"histogram", "--family", master.target(), "--format", "csv", "-n", "2"});
  ASSERT_EQ(text.status, 0) << text.err;
  ASSERT_EQ(csv.status, 0) << csv.err;
  EXPECT_EQ(csv.out.rfind("process,type,count", 0), 0u) << csv.out;
  EXPECT_EQ(csv.out.find("process,", 1), std::string::npos) << csv.out;
  for (const std::string& pid : all) {
    EXPECT_NE(text.out.find("process " + pid + ": "), std::string::npos) << text.out;
    EXPECT_NE(csv.out.find("\n" + pid + ","), std::string::npos) << csv.out;
  }
  EXPECT_NE(text.out.find("Suspects of all processes"), std::string::npos) << text.out;
}

TEST_P(Families, EachHasItsSnapshotAndItsPage) {
  PythonProgram master(GetParam().path, "forked_workers.py", {"2", "4"});
  Words all = workers_of(master);
  all.push_back(master.target());
  const TemporaryFolder folder;
  const Outcome snapshots =
      heapglass({"snapshot", "--family", master.target(), "-o", folder.file("a-%p.hg")});
  ASSERT_EQ(snapshots.status, 0) << snapshots.err;
  const Outcome pages = heapglass({"report", "--family", master.target(), "-o", folder.file("a-%p.html")});
  ASSERT_EQ(pages.status, 0) << pages.err;
  for (const std::string& pid : all) {
    const Outcome info = heapglass({"info", folder.file("a-" + pid + ".hg"), "--format", "json"});
    EXPECT_EQ(info.status, 0) << info.err;
    EXPECT_NE(info.out.find("\"pid\": " + pid), std::string::npos) << info.out;
    EXPECT_EQ(access(folder.file("a-" + pid + ".html").c_str(), F_OK), 0);
    EXPECT_NE(snapshots.out.find("a-" + pid + ".hg"), std::string::npos) << snapshots.out;
  }
  const Outcome one_name = heapglass({"snapshot", "--family", master.target(), "-o", folder.file("a.hg")});
  EXPECT_EQ(one_name.status, 2);
  EXPECT_NE(one_name.err.find("%p"), std::string::npos) << one_name.err;
  EXPECT_NE(access(folder.file("a.hg").c_str(), F_OK), 0);
}

TEST_P(Families, OneFolderOfAFleetTakesThemAll) {
  PythonProgram master(GetParam().path, "forked_workers.py", {"2", "4"});
  Words members = workers_of(master);
  members.push_back(master.target());
  const TemporaryFolder folder;
  const Outcome outcome =
      heapglass({"export", "--family", master.target(), "--format", "fleet", "-o", folder.file("fleet")});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  std::set<std::string> expected, found;
  for (const std::string& member : members) expected.insert(member);
  for (const auto& each : fs::recursive_directory_iterator(folder.file("fleet"))) {
    const std::string stem = each.path().stem();
    if (each.is_regular_file()) found.insert(stem.substr(stem.rfind('-') + 1));
  }
  EXPECT_EQ(found, expected);
  const Outcome other =
      heapglass({"export", "--family", master.target(), "--format", "csv", "-o", folder.file("csv")});
  EXPECT_EQ(other.status, 2);
  EXPECT_NE(other.err.find("give a name with %p"), std::string::npos) << other.err;
}

TEST_P(Families, WhatIsNoPythonIsLeftOutWithTheReason) {
  PythonProgram program(Words{"sh", "-c", R"sh(exec 3<&0; sleep 1000 & "$@" <&3; kill $!)sh", "sh",
                              GetParam().path, "-B", kPrograms + "holders.py"});
  const Outcome outcome = heapglass({"histogram", "--family", program.target(), "--format", "json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(checked(outcome.out, R"py(
assert len(answer["processes"]) == 1, answer["processes"]
reasons = {p["command"].split()[0]: p["why"] for p in answer["left_out"]}
assert reasons == {"sh": "no Python runs there", "sleep": "no Python runs there"}, reasons
)py"),
            "");
  EXPECT_EQ(program.finish(), 0);
}

TEST_P(Families, AZombieIsLeftOutAsOne) {
  PythonProgram program(Words{GetParam().path, "-c", R"py(
import os, sys
pid = os.fork()
if pid == 0:
    os._exit(0)
os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # and it stays
print("READY")
sys.stdout.flush()
sys.stdin.read()
)py"});
  const Outcome outcome = heapglass({"histogram", "--family", program.target(), "--format", "json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(checked(outcome.out, R"py(
assert len(answer["processes"]) == 1, answer["processes"]
assert [p["why"] for p in answer["left_out"]] == ["it has ended and is a zombie"], answer["left_out"]
)py"),
            "");
  EXPECT_EQ(program.finish(), 0);
}

TEST_P(Families, OneThatFailsDoesNotFailTheOthers) {
  PythonProgram master(GetParam().path, "forked_workers.py", {"2", "4"});
  const Words workers = workers_of(master);
  // A process that is traced already cannot be stopped.
  PythonProgram tracer(Words{"python3", "-c", R"py(
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
PTRACE_SEIZE = 0x4206
ok = libc.ptrace(PTRACE_SEIZE, int(sys.argv[1]), None, None) == 0
print("READY" if ok else "NO")
sys.stdout.flush()
sys.stdin.read()
)py",
                             workers[0]});
  const Outcome outcome = heapglass({"stacks", "--family", master.target(), "--format", "json"});
  EXPECT_EQ(outcome.status, 3) << outcome.err;
  EXPECT_NE(outcome.err.find("heapglass: process " + workers[0] + ": "), std::string::npos) << outcome.err;
  EXPECT_EQ(checked(outcome.out, R"py(
assert answer["answered"] == 2 and answer["failed"] == 1, answer
for p in answer["processes"]:
    failed = str(p["pid"]) == words[0]
    assert (p["exit_code"] == 3) == failed and (p["answer"] is None) == failed, p
    assert bool(p["error"]) == failed, p
)py",
                    {workers[0]}),
            "");
}

TEST_P(Families, ThresholdsAreOfEachProcess) {
  PythonProgram master(GetParam().path, "forked_workers.py", {"2", "4"});
  EXPECT_EQ(heapglass({"leaks", "--family", master.target(), "--fail-if", "rss > 1MB"}).status, 1);
  EXPECT_EQ(heapglass({"leaks", "--family", master.target(), "--fail-if", "rss > 1TB"}).status, 0);
}

TEST_P(Families, OfAControlGroup) {
  const ControlGroup group("", "cgroup.procs");
  if (!group.why_not().empty()) GTEST_SKIP() << group.why_not();
  PythonProgram in(GetParam().path, "holders.py"), out(GetParam().path, "holders.py");
  ASSERT_TRUE(group.add(in.pid()));
  const std::string directory = group.file("cgroup.procs").substr(0, group.file("cgroup.procs").rfind('/'));
  std::string text = file_text("/proc/" + in.target() + "/cgroup");
  const std::size_t at = text.find("0::");
  ASSERT_NE(at, std::string::npos) << text;
  const std::string path = text.substr(at + 3, text.find('\n', at) - at - 3);
  for (const std::string& name : {directory, directory + "/", path, path.substr(1)}) {
    const Outcome outcome = heapglass({"histogram", "--cgroup", name, "--format", "json"});
    ASSERT_EQ(outcome.status, 0) << name << ": " << outcome.err;
    EXPECT_EQ(
        checked(outcome.out, R"py(assert [str(p["pid"]) for p in answer["processes"]] == words, answer)py",
                {in.target()}),
        "")
        << name;
  }
  const Outcome beside = heapglass({"histogram", "--cgroup", directory + "x"});
  EXPECT_EQ(beside.status, 2);
  EXPECT_NE(beside.err.find("control group"), std::string::npos) << beside.err;
}

TEST_P(Families, OfAUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can start a process of another user";
  // Of this test alone: others run beside it, and every process of the user is in the answer. Containers
  // often have 65,536 users.
  const std::string user = std::to_string(10'000 + getpid() % 40'000), nobody = "64999";
  const Outcome can = run_command({"setpriv", "--reuid", user, "--clear-groups", GetParam().path, "-c", "0"});
  if (can.status != 0) GTEST_SKIP() << "another user cannot run this interpreter: " << can.err;
  PythonProgram program(
      Words{"setpriv", "--reuid", user, "--clear-groups", GetParam().path, "-B", kPrograms + "holders.py"});
  const Outcome outcome = heapglass({"histogram", "--user", user, "--format", "json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(
      checked(outcome.out, R"py(assert [str(p["pid"]) for p in answer["processes"]] == words, answer)py",
              {program.target()}),
      "");
  EXPECT_EQ(heapglass({"histogram", "--user", nobody}).status, 2);
}

// In a pid namespace of its own, so that the other processes of this machine are left alone.
TEST_P(Families, OfAllIsEveryPythonThatIsSeen) {
  if (run_command({"unshare", "--pid", "--fork", "--mount-proc", "true"}).status != 0)
    GTEST_SKIP() << "no pid namespace can be made here";
  const Outcome outcome = run_command({"unshare", "--pid", "--fork", "--mount-proc", "python3", "-c", R"py(
import json, subprocess, sys
programs = [subprocess.Popen([sys.argv[2], "-B", sys.argv[3]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for _ in range(2)]
for program in programs:
    assert program.stdout.readline().startswith(b"READY")
answer = json.loads(subprocess.check_output([sys.argv[1], "histogram", "--all", "--format", "json"]))
pids = {p["pid"] for p in answer["processes"]}
assert {p.pid for p in programs} <= pids and len(pids) <= 3, (pids, [p.pid for p in programs])
)py",
                                       HEAPGLASS_PROGRAM, GetParam().path, kPrograms + "holders.py"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
}

INSTANTIATE_TEST_SUITE_P(Live, Families, testing::ValuesIn(few_interpreters()), InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Families);

TEST(FamilySelection, WrongOnesAreOneLineEach) {
  const std::string self = std::to_string(getpid());
  const struct {
    Words words;
    int code;
    const char* said;
  } kCases[] = {
      {{"histogram", "--family", "4194303"}, 3, "there is no process 4194303"},
      {{"histogram", "--family", "0"}, 2, "invalid --family '0'"},
      {{"histogram", "--family", "x"}, 2, "invalid --family 'x'"},
      {{"histogram", "--family"}, 2, "takes a value"},
      {{"histogram", "--cgroup", ""}, 2, "is empty"},
      {{"histogram", "--cgroup", "/sys/fs/cgroup/not-there"}, 2, "there is no control group"},
      {{"histogram", "--cgroup", "not-there"}, 2, "no process is in a control group"},
      {{"histogram", "--container", "12"}, 2, "at least its first 4 digits"},
      {{"histogram", "--container", "xyzw"}, 2, "invalid --container"},
      {{"histogram", "--container", "ffff0000ffff"}, 2, "no process is in a container"},
      {{"histogram", "--user", "nobody-of-that-name"}, 2, "no process belongs to a user"},
      {{"histogram", "--family", "1", "--all"}, 2, "one can be given"},
      {{"histogram", "4711", "--family", "1"}, 2, "4711"},
      {{"histogram", "--family", "1", "--format", "svg"}, 2, ""},
      {{"snapshot", "--family", "1", "-o", "x-%p.hg", "--openmetrics", "x.prom"}, 2, "--openmetrics"},
      {{"info", "--family", "1"}, 2, "info has no option --family"},
  };
  for (const auto& each : kCases) {
    const Outcome outcome = heapglass(each.words);
    std::string told;
    for (const std::string& word : each.words) told += word + " ";
    EXPECT_EQ(outcome.status, each.code) << told << outcome.err;
    EXPECT_NE(outcome.err.find(each.said), std::string::npos) << told << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << told << outcome.err;
    EXPECT_EQ(outcome.out, "") << told;
  }
  // This test is no Python, and has no child that is one.
  const Outcome none = heapglass({"histogram", "--family", self});
  EXPECT_EQ(none.status, 4) << none.err;
  EXPECT_NE(none.err.find("no Python runs there"), std::string::npos) << none.err;
  EXPECT_EQ(heapglass({"histogram", "--family", "1", "--help"}).status, 0);
}

}  // namespace
}  // namespace heapglass
