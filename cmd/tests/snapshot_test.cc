// Snapshots: every command answers of the file, byte for byte, what it answers of the process at that moment.

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <regex>
#include <set>

#include "cmd/tests/file_contents.h"
#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

namespace fs = std::filesystem;

// A program that stands still: every look at it is one at the same moment.
class Stopped {
 public:
  Stopped(const std::string& interpreter, const std::string& program,
          const std::vector<std::string>& arguments = {})
      : program_(launch(interpreter, program, arguments)) {
    kill(program_->pid(), SIGSTOP);
    while (program_->state() != 'T') usleep(1000);
  }
  std::string target() const { return program_->target(); }

 private:
  // Without huge pages, which 3.15 asks for: the kernel's khugepaged puts one in the place of pages of which
  // some were never written, so that the RSS of a process grows while it is stopped.
  static std::unique_ptr<PythonProgram> launch(const std::string& interpreter, const std::string& program,
                                               const std::vector<std::string>& arguments) {
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    auto launched = std::make_unique<PythonProgram>(interpreter, program, arguments);
    prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
    return launched;
  }

  std::unique_ptr<PythonProgram> program_;
};

Outcome heapglass_on(const std::string& target, std::vector<std::string> command) {
  command.insert(command.begin() + 1, target);
  command.insert(command.begin(), HEAPGLASS_PROGRAM);
  return run_command(command);
}

void expect_snapshot(const std::string& target, const std::string& file,
                     const std::vector<std::string>& options = {}) {
  std::vector<std::string> command{HEAPGLASS_PROGRAM, "snapshot", target, "-o", file};
  command.insert(command.end(), options.begin(), options.end());
  const Outcome outcome = run_command(command);
  ASSERT_EQ(outcome.status, 0) << outcome.err;
}

// What is of the look and not of the moment.
// Times stand at the top; what follows may be long.
std::string without_times(const std::string& text) {
  // What other processes map too is theirs to change.
  static const std::regex times(
      "(looked at in|paused for|its share of|mapped by others|shared by forking) .*|"
      "\"(elapsed_ms|pause_ms|pss|shared|shared_anonymous|made|time)\": *[0-9.e+-]+|"
      "\"about\": *[{][^}]*[}]|\"compared\": *\\[[^\\]]*\\]");
  const std::size_t top = std::min<std::size_t>(text.size(), 4000);
  return std::regex_replace(text.substr(0, top), times, "") + text.substr(top);
}

// What a core does not have by nature: how it was captured, what the kernel says of a process (its state, its
// arguments beyond 80 bytes, the system call of each thread, what is resident), and its name.
std::string without_what_cores_lack(const std::string& text) {
  static const std::regex lines(
      "\"(freeze|pause_ms|state|stopped|command|rss|peak_rss|rss_anon|pss|shared|shared_anonymous|swapped|"
      "elapsed_ms|page_tables|doing)\": ?[^,}]*,?|"
      "\"(caveats|notes)\": ?.*|\"about\": *[{][^}]*[}]|\"compared\": *\\[[^\\]]*\\]|"
      "^ *(state|stopped by a signal|command|resident memory|RSS|its peak|its share|mapped by others|"
      "shared by forking|looked at in|paused for|held by|copied) .*|"
      "stopped: it is stopped by a signal");
  static const std::regex name("core file [^ ]* of process"), spaces(" +");
  // std::regex recurses over what it is given and is slow: line by line, and only those with one of these
  // words.
  static const char* const kWords[] = {
      "about",     "compared",   "freeze",   "pause",    "state",   "stopped",     "command",
      "rss",       "RSS",        "pss",      "shared",   "elapsed", "page_tables", "doing",
      "caveats",   "notes",      "its ",     "mapped",   "looked",  "copied",      "held by",
      "core file", "collecting", "resident", "process ", "Python "};
  std::istringstream in(text);
  std::string out, line;
  while (std::getline(in, line)) {
    // The line on the memory of the process, above leaks and diff: of a core there is less.
    if (line.starts_with("memory ") || line.starts_with("most of what") || line.starts_with("nothing "))
      continue;
    if (const std::size_t at = line.find("\"memory\": {"); at != std::string::npos)
      line.erase(at, line.find('}', at) - at + 1);
    const bool has_word =
        line.size() < 4000 && std::any_of(std::begin(kWords), std::end(kWords),
                                          [&](const char* w) { return line.find(w) != std::string::npos; });
    if (has_word) {
      line = std::regex_replace(line, name, "process");
      line = std::regex_replace(std::regex_replace(line, lines, ""), spaces, " ");
    }
    if (line.find_first_not_of(" \t],\"") == std::string::npos) continue;
    // The last field of an object has a comma behind it where others follow.
    while (!line.empty() && (line.back() == ',' || line.back() == ' ')) line.pop_back();
    out += line + "\n";
  }
  return out;
}

using Command = std::vector<std::string>;

// A program, and what it is asked. "ID OF TYPE" is replaced with the address of an object of that type,
// "SNAPSHOT" with the file's name.
struct Asked {
  std::vector<std::string> program;
  std::vector<Command> commands;
};

const Asked kAsked[] = {
    {{"library_zoo.py"},
     {{"info"},
      {"histogram", "--limit", "0", "--format", "json"},
      {"histogram", "--style", "objgraph"},
      {"objects", "--where", "size > 0", "--limit", "0"},
      {"objects", "--type", "type", "--limit", "20", "--paths"},
      {"objects", "--where", "type == str and size > 90 and self ~ '*the*'"},
      {"objects", "--type", "str", "--sort", "length"},
      {"backrefs", "--type", "decimal.Decimal", "--format", "dot"},
      {"backrefs", "--type", "decimal.Decimal", "--style", "objgraph", "--format", "dot"},
      {"refs", "--type", "collections.OrderedDict", "--format", "dot"},
      {"path", "--type", "decimal.Decimal"},
      {"retained", "--limit", "0"},
      {"retained", "--tree", "--depth", "4"},
      {"retained", "--format", "speedscope"},
      {"leaks"},
      {"garbage"},
      {"garbage", "--held-by-c", "--limit", "0"},
      {"memory", "--limit", "0"},
      {"memory", "--arenas"},
      {"tracemalloc"},
      {"stacks", "--locals", "--depth", "0", "--repr", "1000"},
      {"diff", "SNAPSHOT"},
      {"show", "--id", "0x10"},
      {"show", "--id", "ID OF builtins.str"},
      {"show", "--id", "ID OF builtins.dict"},
      {"show", "--id", "ID OF builtins.module"},
      {"show", "--id", "ID OF builtins.type"},
      {"show", "--id", "ID OF builtins.function"},
      {"show", "--id", "ID OF collections.deque"},
      {"show", "--id", "ID OF decimal.Decimal"},
      {"query", "SELECT * FROM objects", "--limit", "0"},
      {"query", "SELECT * FROM refs", "--limit", "0"},
      {"query", "SELECT * FROM types", "--limit", "0"},
      {"query", "SELECT * FROM roots", "--limit", "0"},
      {"query", "SELECT * FROM threads", "--limit", "0"},
      {"query", "SELECT * FROM frames", "--limit", "0"},
      {"query", "SELECT * FROM arenas", "--limit", "0"},
      {"export", "--format", "jsonl"}}},
    {{"stacks.py", "--deadlock"},
     {{"stacks"}, {"stacks", "--locals", "--format", "json"}, {"garbage", "--held-by-c"}, {"leaks"}}},
    {{"await_chains.py"}, {{"stacks"}, {"stacks", "--locals", "--format", "json"}, {"leaks"}}},
    {{"leaking.py", "--leak"}, {{"garbage", "--held-by-c", "--limit", "0", "--format", "json"}}},
    {{"leaks/dict_cache.py"},
     {{"leaks"},
      {"leaks", "--format", "json"},
      {"memory", "--format", "json"},
      {"report", "--format", "json"}}},
    {{"traced.py", "FOLDER"},
     {{"tracemalloc"},
      {"tracemalloc", "--group", "filename", "--format", "json"},
      {"tracemalloc", "--group", "traceback", "--limit", "0"},
      {"leaks"},
      {"show", "--id", "ID OF __main__.Thing"}}},
};

// Those that ask something else of a snapshot than of a process: what they are refused with.
struct Refused {
  Command command;
  int status;
  std::string says;
};
const Refused kRefused[] = {
    {{"snapshot", "-o", "/dev/null"}, 2, "is a snapshot already"},
    {{"watch", "--duration", "1s"}, 2, "watch looks at a process that runs"},
    {{"since", "--type", "str"}, 2, "there is one snapshot"},
    {{"top"}, 2, "top needs a terminal"},
    {{"selfcheck"}, 2, "a snapshot has no code to compare with"},
};

// The command as it is asked of this process or file.
Command filled_in(Command command, const std::string& file) {
  static const std::string kIdOf = "ID OF ";
  for (std::string& word : command) {
    if (word == "SNAPSHOT") word = file;
    if (word.rfind(kIdOf, 0) != 0) continue;
    const std::string type = word.substr(kIdOf.size());
    // The largest: of a str or dict the one with most that can be told.
    const Outcome found =
        heapglass_on(file, {"query", "--format", "csv", "--limit", "1",
                            "SELECT id FROM objects WHERE type = '" + type + "' ORDER BY size DESC, id"});
    EXPECT_EQ(found.status, 0) << found.err;
    word = found.out.substr(found.out.find('\n') + 1);
    word = word.substr(0, word.find_first_of("\r\n"));
    EXPECT_FALSE(word.empty()) << "no object of type " << type;
  }
  return command;
}

std::string joined(const Command& command) {
  std::string text;
  for (const std::string& word : command) text += (text.empty() ? "" : " ") + word;
  return text;
}

using Normal = std::string (*)(const std::string& text);

void expect_same_answer(const std::string& process, const std::string& file, const Command& command,
                        Normal normal = without_times) {
  const Outcome live = heapglass_on(process, command), saved = heapglass_on(file, command);
  const bool no_object = command.back() == "0x10";
  EXPECT_EQ(live.status, no_object ? 2 : 0) << joined(command) << live.err;
  EXPECT_EQ(saved.status, live.status) << joined(command) << saved.err;
  if (normal == without_times) {
    EXPECT_EQ(saved.err, live.err) << joined(command);
  }
  const std::string one = normal(live.out), other = normal(saved.out);
  if (one == other) return;
  const auto at = std::mismatch(one.begin(), one.end(), other.begin(), other.end());
  const auto place = static_cast<std::size_t>(at.first - one.begin());
  const std::size_t from = place < 100 ? 0 : place - 100;
  ADD_FAILURE() << joined(command) << ":\n"
                << one.substr(from, 300) << "\nbut of the file\n"
                << other.substr(std::min(from, other.size()), 300);
}

// The oldest, Debian's own and the newest.
class SnapshotOf : public testing::TestWithParam<Interpreter> {};

TEST_P(SnapshotOf, EveryCommandAnswersAsOfTheProcess) {
  for (const Asked& asked : kAsked) {
    const TemporaryFolder folder;
    const std::string file = folder.file("moment.hg");
    std::vector<std::string> arguments(asked.program.begin() + 1, asked.program.end());
    for (std::string& each : arguments)
      if (each == "FOLDER") each = folder.path();
    SCOPED_TRACE(joined(asked.program));
    const Stopped target(GetParam().path, asked.program.front(), arguments);
    ASSERT_NO_FATAL_FAILURE(expect_snapshot(target.target(), file));
    for (const Command& command : asked.commands)
      expect_same_answer(target.target(), file, filled_in(command, file));
    if (&asked != &kAsked[0]) continue;
    for (const auto& [command, status, says] : kRefused) {
      const Outcome refused = heapglass_on(file, command);
      EXPECT_EQ(refused.status, status) << joined(command) << refused.err;
      EXPECT_NE(refused.err.find(says), std::string::npos) << joined(command) << ": " << refused.err;
    }
  }
}

// What is resident is not in a core, and the allocators' sums are of what is: memory_test has those.
bool depends_on_residency(const Command& command) {
  return command.front() == "memory" || command.front() == "report" ||
         joined(command).find("FROM arenas") != std::string::npos;
}

// gdb 13 writes zeros in place of the last pages of a mapping of a megabyte and a page, which the stacks of
// threads are with some interpreters: seen by comparing its core with /proc/PID/mem. So only programs with
// one thread are asked.
bool has_threads(const Asked& asked) {
  return asked.program.front() == "stacks.py" || asked.program.front() == "await_chains.py";
}

TEST_P(SnapshotOf, EveryCommandAnswersOfACoreAsOfTheProcess) {
  for (const Asked& asked : kAsked) {
    if (has_threads(asked)) continue;
    const TemporaryFolder folder;
    std::vector<std::string> arguments(asked.program.begin() + 1, asked.program.end());
    for (std::string& each : arguments)
      if (each == "FOLDER") each = folder.path();
    SCOPED_TRACE(joined(asked.program));
    const Stopped target(GetParam().path, asked.program.front(), arguments);
    const std::string core = gcore(target.target(), folder), file = folder.file("moment.hg");
    if (core.empty()) GTEST_SKIP() << "gdb is not there, or may not trace";
    ASSERT_NO_FATAL_FAILURE(expect_snapshot(target.target(), file));
    for (const Command& command : asked.commands)
      if (!depends_on_residency(command)) {
        Command filled = filled_in(command, file);
        expect_same_answer(target.target(), core, filled, without_what_cores_lack);
      }
  }
}

// A command that is new has a row above, too.
TEST(SnapshotOfAProcess, IsAskedByEveryCommand) {
  const Outcome help = run_command({HEAPGLASS_PROGRAM, "--help"});
  std::set<std::string> commands, asked;
  static const std::regex row("(^|\n)  ([a-z]+) +[A-Za-z]");
  for (std::sregex_iterator at(help.out.begin(), help.out.end(), row), end; at != end; ++at)
    commands.insert(at->str(2));
  EXPECT_GE(commands.size(), 19u) << help.out;
  for (const Asked& each : kAsked)
    for (const Command& command : each.commands) asked.insert(command.front());
  for (const Refused& each : kRefused) asked.insert(each.command.front());
  asked.insert("ui");        // answers until it is ended: cmd/tests/ui_test.cc
  asked.insert("overview");  // names the next commands, which are others: cmd/tests/overview_test.cc
  asked.insert("ps");        // takes no target
  asked.insert("guard");     // takes rules
  EXPECT_EQ(asked, commands);
}

INSTANTIATE_TEST_SUITE_P(Live, SnapshotOf, testing::ValuesIn(few_interpreters()), [](const auto& each) {
  return std::regex_replace(each.param.name, std::regex("[^A-Za-z0-9]"), "_");
});
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SnapshotOf);

class Snapshot : public testing::Test {
 protected:
  void SetUp() override {
    if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
    target_ = std::make_unique<Stopped>(supported_interpreters().back().path, "holders.py");
  }
  std::unique_ptr<Stopped> target_;
  const TemporaryFolder folder_;
};

TEST_F(Snapshot, IsForItsOwnerAloneAndNeverWrittenThroughALink) {
  const std::string file = folder_.file("moment.hg"), other = folder_.file("other");
  std::ofstream(other) << "as it was";
  fs::create_symlink(other, file);
  ASSERT_NO_FATAL_FAILURE(expect_snapshot(target_->target(), file));
  struct stat status {};
  ASSERT_EQ(lstat(file.c_str(), &status), 0);
  EXPECT_TRUE(S_ISREG(status.st_mode));
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  EXPECT_EQ(contents(other), "as it was");
}

TEST_F(Snapshot, OnAFullDiskLeavesTheOldFile) {
  const Outcome outcome =
      run_command({"unshare", "-m", "sh", "-c",
                   "mount -t tmpfs -o size=400k none \"$1\" || exit 77; echo the old one > \"$1/moment.hg\"; "
                   "\"$2\" snapshot \"$3\" -o \"$1/moment.hg\"; status=$?; cat \"$1/moment.hg\"; ls -A "
                   "\"$1\"; exit $status",
                   "sh", folder_.path(), HEAPGLASS_PROGRAM, target_->target()});
  if (outcome.status == 77 || outcome.status == 1) GTEST_SKIP() << "no file system may be mounted here";
  EXPECT_EQ(outcome.status, 5) << outcome.err;
  EXPECT_NE(outcome.err.find("cannot write"), std::string::npos) << outcome.err;
  EXPECT_EQ(outcome.out, "the old one\nmoment.hg\n");
}

TEST_F(Snapshot, DamagedIsRefused) {
  const std::string file = folder_.file("moment.hg"), damaged = folder_.file("damaged.hg");
  ASSERT_NO_FATAL_FAILURE(expect_snapshot(target_->target(), file));
  const std::string whole = contents(file);
  const Outcome right = heapglass_on(file, {"export", "--format", "jsonl"});
  ASSERT_EQ(right.status, 0) << right.err;
  auto expect_refused = [&](const std::string& bytes, const std::string& says) {
    std::ofstream(damaged, std::ios::binary) << bytes;
    const Outcome outcome = heapglass_on(damaged, {"export", "--format", "jsonl"});
    // A byte that this command does not need may be wrong.
    if (outcome.status == 0) {
      EXPECT_EQ(outcome.out, right.out) << says;
      return false;
    }
    EXPECT_EQ(outcome.status, 5) << outcome.err;
    EXPECT_NE(outcome.err.find(says), std::string::npos) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    return true;
  };
  for (const std::size_t left : {whole.size() - 1, whole.size() / 2, std::size_t{40}, std::size_t{9}})
    EXPECT_TRUE(expect_refused(whole.substr(0, left), "it is cut"));
  unsigned refused = 0;
  for (unsigned i = 0; i < 40; ++i) {
    std::string changed = whole;
    changed[whole.size() / 40 * i + 20] ^= 0x10;
    refused += expect_refused(changed, "damaged");
  }
  EXPECT_GE(refused, 20u);
  std::string newer = whole;
  newer[8] = 2;
  EXPECT_TRUE(expect_refused(newer, "it is of format 2"));
}

std::vector<std::string> files_in(const TemporaryFolder& folder, const std::string& prefix) {
  std::vector<std::string> names;
  for (const auto& each : fs::directory_iterator(folder.path()))
    if (each.path().filename().string().rfind(prefix, 0) == 0) names.push_back(each.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

TEST_F(Snapshot, NamesTellTheTimeAndTheNewestAreKept) {
  const std::string pattern = folder_.file("svc-%Y%m%dT%H%M%S-%p.hg");
  std::ofstream(folder_.file("svc-20200101T000000-1.hg")) << "no snapshot: not ours to remove";
  // As yesterday's and before, the last of them too old.
  const std::string first = folder_.file("first.hg");
  ASSERT_NO_FATAL_FAILURE(expect_snapshot(target_->target(), first));
  for (const int day : {2, 3, 4, 5}) {
    const std::string old = folder_.file("svc-2020010" + std::to_string(day) + "T000000-7.hg");
    fs::copy_file(first, old);
    fs::last_write_time(old, fs::file_time_type::clock::now() - std::chrono::hours(24 * (6 - day) + 1));
  }
  ASSERT_NO_FATAL_FAILURE(expect_snapshot(target_->target(), pattern, {"--keep", "4", "--keep-days", "2"}));
  std::vector<std::string> left = files_in(folder_, "svc-");
  ASSERT_EQ(left.size(), 3u);  // kept four, but two are older than two days
  EXPECT_EQ(left[0], "svc-20200101T000000-1.hg");
  EXPECT_EQ(left[1], "svc-20200105T000000-7.hg");
  EXPECT_TRUE(std::regex_match(left[2], std::regex("svc-2\\d{7}T\\d{6}-" + target_->target() + "\\.hg")))
      << left[2];
  ASSERT_NO_FATAL_FAILURE(expect_snapshot(target_->target(), pattern, {"--keep", "1"}));
  left = files_in(folder_, "svc-");
  EXPECT_EQ(left.size(), 2u);
  EXPECT_EQ(files_in(folder_, "first.hg").size(), 1u);
}

TEST_F(Snapshot, TwoOfOneNameDoNotPileUp) {
  const std::string pattern = folder_.file("svc-%p.hg");
  ASSERT_NO_FATAL_FAILURE(expect_snapshot(target_->target(), pattern));
  const std::vector<std::string> locks = files_in(folder_, ".heapglass-lock-");
  ASSERT_EQ(locks.size(), 1u);
  const Outcome outcome = run_command(
      {"flock", folder_.file(locks[0]), HEAPGLASS_PROGRAM, "snapshot", target_->target(), "-o", pattern});
  EXPECT_EQ(outcome.status, 5);
  EXPECT_NE(outcome.err.find("another run is writing"), std::string::npos) << outcome.err;
}

TEST_F(Snapshot, KilledAtAnyMomentLeavesTheOldFileOrAWholeNewOne) {
  const std::string file = folder_.file("moment.hg");
  ASSERT_NO_FATAL_FAILURE(expect_snapshot(target_->target(), file));
  const auto began = std::chrono::steady_clock::now();
  ASSERT_NO_FATAL_FAILURE(expect_snapshot(target_->target(), file));
  const auto takes = std::chrono::steady_clock::now() - began;
  const char* const asked = std::getenv("HEAPGLASS_KILLS");
  const int rounds = asked ? std::atoi(asked) : 20;
  for (int i = 0; i < rounds; ++i) {
    ChildProcess writing({HEAPGLASS_PROGRAM, "snapshot", target_->target(), "-o", file}, {});
    std::this_thread::sleep_for(takes * (i + 1) / rounds);
    kill(writing.pid(), SIGKILL);
    writing.wait(std::chrono::seconds(10));
    const Outcome outcome = heapglass_on(file, {"info"});
    ASSERT_EQ(outcome.status, 0) << i << ": " << outcome.err;
  }
}

// The long form is run by hand: 10,000 rounds, 500 kills.
TEST_F(Snapshot, OverAndOverLeavesNothingBehind) {
  const Outcome outcome = run_command(
      {"python3", std::string(HEAPGLASS_SOURCE_DIR) + "/scripts/soaksnapshots", "--rounds", "10", "--kills",
       "8", "--program", HEAPGLASS_PROGRAM, "--python", supported_interpreters().back().path});
  EXPECT_EQ(outcome.status, 0) << outcome.out << outcome.err;
}

TEST_F(Snapshot, OfASnapshotIsACopy) {
  const std::string file = folder_.file("moment.hg");
  ASSERT_NO_FATAL_FAILURE(expect_snapshot(target_->target(), file));
  const Outcome outcome = heapglass_on(file, {"snapshot", "-o", folder_.file("other.hg")});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_NE(outcome.err.find("is a snapshot already"), std::string::npos) << outcome.err;
}

TEST_F(Snapshot, OptionsThatMakeNoSenseAreRefused) {
  for (const std::vector<std::string>& options : {std::vector<std::string>{},
                                                  {"-o", "-"},
                                                  {"-o", folder_.file("%Q.hg")},
                                                  {"-o", folder_.file("svc.hg"), "--keep", "3"},
                                                  {"-o", folder_.file("%p.hg"), "--keep", "0"},
                                                  {"-o", folder_.file("svc.hg"), "--format", "json"}}) {
    std::vector<std::string> command{"snapshot"};
    command.insert(command.end(), options.begin(), options.end());
    const Outcome outcome = heapglass_on(target_->target(), command);
    EXPECT_EQ(outcome.status, 2) << outcome.err;
  }
  EXPECT_TRUE(files_in(folder_, "").empty());
}

}  // namespace
}  // namespace heapglass
