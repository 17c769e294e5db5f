// However a command ends, what it leaves: nothing half-written, an exit code that tells why, and files that
// only their owner reads.

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

namespace fs = std::filesystem;

using Words = std::vector<std::string>;

const std::string kEndless =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

std::size_t entries_of(const std::string& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

// The child of a run that keeps its right to write; 0: there is none.
pid_t keeper_of(pid_t run) {
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "stat");
    std::string line;
    if (!std::getline(file, line) || line.find("(heapglass-write)") == line.npos) continue;
    pid_t parent = 0;
    char state = 0;
    std::istringstream(line.substr(line.find(')') + 1)) >> state >> parent;
    if (parent == run) return std::stoi(entry.path().filename());
  }
  return 0;
}

class Endings : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (supported_interpreters().empty()) return;
    shared_ = new TemporaryFolder;
    const PythonProgram target(supported_interpreters().back().path, "bench_heap.py", {"300000"});
    EXPECT_EQ(run_command({HEAPGLASS_PROGRAM, "snapshot", target.target(), "-o", snapshot()}).status, 0);
  }
  static void TearDownTestSuite() { delete shared_; }
  void SetUp() override {
    if (!shared_) GTEST_SKIP() << "no interpreter that heapglass reads";
  }
  static std::string snapshot() { return shared_->file("moment.hg"); }

  // Starts the command and sends the signal once it has begun to write; its exit code. `all`: as a container
  // that is ended, the process that puts files in their places first.
  enum class Whom { kMain, kAll };
  int end_by(const Words& command, int signal, const std::string& folder, Whom whom = Whom::kMain) const {
    Words all = command;
    all.insert(all.begin(), HEAPGLASS_PROGRAM);
    const std::size_t before = entries_of(folder);
    ChildProcess child(all, {});
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (entries_of(folder) == before && std::chrono::steady_clock::now() < limit) usleep(200);
    if (whom == Whom::kAll) {
      kill(child.pid(), SIGSTOP);  // so that it does not tell that the other is gone
      const pid_t keeper = keeper_of(child.pid());
      EXPECT_GT(keeper, 0);
      if (keeper > 0) kill(keeper, signal);
    }
    kill(child.pid(), signal);
    return child.wait(std::chrono::seconds(30));
  }
  // A moment after the run has ended.
  std::size_t entries_in_the_end(std::size_t expected) const {
    for (int i = 0; i < 20'000 && entries_of(folder_.path()) != expected; ++i) usleep(1000);
    return entries_of(folder_.path());
  }
  std::vector<Words> writers(const std::string& to) const {
    return {{"export", snapshot(), "--format", "jsonl", "-o", to},
            {"export", snapshot(), "--format", "sqlite", "-o", to},
            {"export", snapshot(), "--format", "csv", "-o", to},
            {"query", snapshot(), "SELECT * FROM objects", "--limit", "0", "--format", "json", "-o", to}};
  }

  static TemporaryFolder* shared_;
  TemporaryFolder folder_;
};
TemporaryFolder* Endings::shared_ = nullptr;

TEST_F(Endings, BySignalLeaveNothing) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT, SIGXCPU, SIGALRM})
    for (const Words& command : writers(folder_.file("out"))) {
      EXPECT_EQ(end_by(command, signal, folder_.path()), 128 + signal) << command[3] << " " << signal;
      EXPECT_EQ(entries_of(folder_.path()), 0u) << command[3] << " " << signal;
    }
}

TEST_F(Endings, BySigkillLeaveNothing) {
  for (const Words& command : writers(folder_.file("out"))) {
    EXPECT_EQ(end_by(command, SIGKILL, folder_.path()), 128 + SIGKILL);
    EXPECT_EQ(entries_in_the_end(0), 0u) << command[3];
  }
}

TEST_F(Endings, BySigkillOfAllLeaveWhatTheNextRunRemoves) {
  const std::string out = folder_.file("out");
  for (const Words& command : writers(out)) {
    EXPECT_EQ(end_by(command, SIGKILL, folder_.path(), Whom::kAll), 128 + SIGKILL);
    EXPECT_EQ(entries_of(folder_.path()), 1u) << command[3];
    EXPECT_FALSE(fs::exists(out));
    Words again = command;
    again.insert(again.begin(), HEAPGLASS_PROGRAM);
    const Outcome outcome = run_command(again);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(entries_of(folder_.path()), 1u) << command[3];
    EXPECT_TRUE(fs::exists(out));
    fs::remove_all(out);
  }
}

TEST_F(Endings, KeepRemovesWhatAKilledSnapshotLeft) {
  const PythonProgram target(supported_interpreters().back().path, "bench_heap.py", {"300000"});
  const std::string pattern = folder_.file("svc-%Y%m%dT%H%M%S-%p.hg");
  const std::string lock = folder_.path();
  const Words command{"snapshot", target.target(), "-o", pattern, "--keep", "1"};
  ASSERT_EQ(
      run_command({HEAPGLASS_PROGRAM, "snapshot", target.target(), "-o", pattern, "--keep", "1"}).status, 0);
  const std::size_t whole = entries_of(folder_.path());  // the snapshot and the lock
  EXPECT_EQ(end_by(command, SIGKILL, folder_.path(), Whom::kAll), 128 + SIGKILL);
  EXPECT_EQ(entries_of(folder_.path()), whole + 1);
  sleep(1);  // another name
  ASSERT_EQ(
      run_command({HEAPGLASS_PROGRAM, "snapshot", target.target(), "-o", pattern, "--keep", "1"}).status, 0);
  EXPECT_EQ(entries_of(folder_.path()), whole);
}

TEST_F(Endings, AQueryWithoutEndCanBeEnded) {
  const auto began = std::chrono::steady_clock::now();
  const std::string out = folder_.file("out");
  const Outcome timed =
      run_command({HEAPGLASS_PROGRAM, "query", snapshot(), kEndless, "--timeout", "1", "-o", out});
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(30));
  EXPECT_EQ(timed.status, 1) << timed.err;
  EXPECT_NE(timed.err.find("did not end within 1 s"), std::string::npos) << timed.err;
  EXPECT_EQ(std::count(timed.err.begin(), timed.err.end(), '\n'), 1) << timed.err;
  EXPECT_EQ(timed.out, "");
  EXPECT_EQ(entries_of(folder_.path()), 0u);
  // SQLite does not look at the time within one call of a function.
  const Outcome stuck = run_command(
      {HEAPGLASS_PROGRAM, "query", snapshot(),
       "SELECT instr(zeroblob(20000000), CAST(zeroblob(10000000) || 'a' AS BLOB))", "--timeout", "1"});
  EXPECT_EQ(stuck.status, 1) << stuck.err << stuck.out;
  const Outcome quick = run_command({HEAPGLASS_PROGRAM, "query", snapshot(), "SELECT 17", "--timeout", "60"});
  EXPECT_EQ(quick.status, 0) << quick.err;
  for (const std::string wrong : {"0", "-1", "x", "1.5"})
    EXPECT_EQ(run_command({HEAPGLASS_PROGRAM, "query", snapshot(), "SELECT 1", "--timeout", wrong}).status, 2)
        << wrong;
}

TEST_F(Endings, CtrlCEndsAQueryAtOnce) {
  ChildProcess child({HEAPGLASS_PROGRAM, "query", snapshot(), kEndless}, {});
  sleep(2);
  const auto began = std::chrono::steady_clock::now();
  kill(child.pid(), SIGINT);
  EXPECT_EQ(child.wait(std::chrono::seconds(10)), 130);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(1));
}

// Whatever the umask.
TEST_F(Endings, FilesAreTheirOwnersUnlessAskedOtherwise) {
  const PythonProgram target(supported_interpreters().back().path, "traced.py", {folder_.path()});
  const std::string live = target.target();
  struct Case {
    Words command;
    std::string file;
    mode_t mode;
  };
  const auto file = [&](const std::string& name) { return folder_.file(name); };
  const std::vector<Case> cases{
      {{"histogram", live, "-o", file("h.json")}, "h.json", 0600},
      {{"histogram", live, "-o", file("h.txt"), "--mode", "0640"}, "h.txt", 0640},
      {{"histogram", live, "--style", "objgraph", "-o", file("o.txt")}, "o.txt", 0600},
      {{"backrefs", live, "--type", "module", "-o", file("p.svg")}, "p.svg", 0600},
      {{"retained", live, "-o", file("r.speedscope"), "--format", "speedscope"}, "r.speedscope", 0600},
      {{"export", live, "-o", file("e.jsonl")}, "e.jsonl", 0600},
      {{"export", live, "--format", "sqlite", "-o", file("e.db"), "--mode", "644"}, "e.db", 0644},
      {{"export", live, "--format", "csv", "-o", file("csv")}, "csv", 0700},
      {{"export", live, "--format", "csv", "-o", file("csv2"), "--mode", "0640"}, "csv2", 0750},
      {{"tracemalloc", live, "--dump", file("t.dump")}, "t.dump", 0600},
      {{"snapshot", live, "-o", file("s.hg")}, "s.hg", 0600},
      {{"snapshot", live, "-o", file("s2.hg"), "--openmetrics", file("s.prom")}, "s.prom", 0644},
      {{"snapshot", live, "-o", file("s3.hg"), "--openmetrics", file("s3.prom"), "--mode", "0640"},
       "s3.prom",
       0640},
      {{"diff", live, "--every", "1s", "-o", file("d.txt")}, "d.txt", 0600},
      {{"watch", live, "--interval", "1s", "--duration", "1s", "-o", file("w.txt"), "--plot", file("w.svg")},
       "w.svg",
       0600},
      {{"watch", live, "--interval", "1s", "--duration", "1s", "-o", file("w2.txt")}, "w2.txt", 0600}};
  for (const Case& each : cases) {
    Words command{"sh", "-c", "umask 0; exec \"$@\"", "sh", HEAPGLASS_PROGRAM};
    command.insert(command.end(), each.command.begin(), each.command.end());
    const Outcome outcome = run_command(command);
    EXPECT_EQ(outcome.status, 0) << each.file << ": " << outcome.err;
    struct stat found {};
    ASSERT_EQ(stat(file(each.file).c_str(), &found), 0) << each.file << outcome.err;
    EXPECT_EQ(found.st_mode & 07777, each.mode) << each.file;
  }
  struct stat table {};
  ASSERT_EQ(stat(file("csv/objects.csv").c_str(), &table), 0);
  EXPECT_EQ(table.st_mode & 0777, 0600u);
  for (const std::string wrong : {"0", "1777", "0755", "8", "rw", "0444", "-1"})
    EXPECT_EQ(run_command({HEAPGLASS_PROGRAM, "info", live, "--mode", wrong}).status, 2) << wrong;
}

TEST_F(Endings, AKeyFileOfAnotherIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files to others";
  const std::string key = folder_.file("key"), out = folder_.file("out.hg");
  const PythonProgram target(supported_interpreters().back().path, "holders.py");
  const Words command{HEAPGLASS_PROGRAM, "snapshot", target.target(), "--hash-values", key, "-o", out};
  ASSERT_EQ(run_command(command).status, 0);
  ASSERT_EQ(chown(key.c_str(), 65534, 65534), 0);
  const Outcome refused = run_command(command);
  EXPECT_EQ(refused.status, 5);
  EXPECT_NE(refused.err.find("belongs to user 65534"), std::string::npos) << refused.err;
}

TEST_F(Endings, OntoAFifo) {
  const std::string fifo = folder_.file("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  const auto began = std::chrono::steady_clock::now();
  const Outcome alone = run_command({HEAPGLASS_PROGRAM, "info", snapshot(), "-o", fifo});
  EXPECT_EQ(alone.status, 5) << alone.err;
  EXPECT_LT(std::chrono::steady_clock::now() - began,
            std::chrono::seconds(10));  // it reads the snapshot, too
  const Outcome read = run_command(
      {"sh", "-c", "cat \"$2\" & \"$0\" info \"$1\" -o \"$2\"; wait", HEAPGLASS_PROGRAM, snapshot(), fifo});
  EXPECT_NE(read.out.find("found by"), std::string::npos) << read.out << read.err;
}

TEST(Help, ListsItsOwnTopics) {
  const Outcome help = run_command({HEAPGLASS_PROGRAM, "--help"});
  for (const std::string topic : {"expressions", "thresholds", "cron"}) {
    EXPECT_NE(help.out.find("heapglass help " + topic), std::string::npos) << help.out;
    EXPECT_EQ(run_command({HEAPGLASS_PROGRAM, "help", topic}).status, 0);
  }
}

}  // namespace
}  // namespace heapglass
