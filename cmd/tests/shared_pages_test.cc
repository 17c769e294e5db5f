// A look at a forked worker leaves every page shared that was shared, whatever the command and the mode.

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cinttypes>
#include <sstream>

#include "cmd/tests/control_group.h"
#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

using Words = std::vector<std::string>;

// Pages of a process' private mappings, by /proc/PID/pagemap.
struct Pages {
  std::size_t shared = 0, own = 0;  // mapped by others too (or the kernel's page of zeros); by it alone
};

Pages pages_of(pid_t pid) {
  Pages pages;
  const std::string folder = "/proc/" + std::to_string(pid) + "/";
  std::ifstream maps(folder + "maps");
  const int file = open((folder + "pagemap").c_str(), O_RDONLY | O_CLOEXEC);
  for (std::string line; std::getline(maps, line);) {
    std::uint64_t start = 0, end = 0;
    char mode[5] = {};
    if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %4s", &start, &end, mode) != 3 || mode[3] != 'p' ||
        line.find("[v") != std::string::npos)
      continue;
    std::vector<std::uint64_t> entries((end - start) / 4096);
    const ssize_t got = pread(file, entries.data(), entries.size() * 8, static_cast<off_t>(start / 4096 * 8));
    entries.resize(got > 0 ? static_cast<std::size_t>(got) / 8 : 0);
    for (const std::uint64_t entry : entries)
      if (entry >> 63 && !(entry >> 61 & 1)) ++(entry >> 56 & 1 ? pages.own : pages.shared);
  }
  close(file);
  return pages;
}

// Since Linux 4.2 the page map tells, and since 5.19 a pin takes a page out of the sharing.
class SharedPages : public testing::TestWithParam<Interpreter> {
 protected:
  static std::vector<pid_t> workers_of(const PythonProgram& master) {
    std::istringstream words(master.ready_line().substr(5));
    std::vector<pid_t> pids;
    for (pid_t pid; words >> pid;) pids.push_back(pid);
    return pids;
  }
  // Runs the command on one worker and compares the pages of all.
  void expect_unchanged(const std::vector<pid_t>& workers, const Words& command) {
    std::vector<Pages> before;
    for (const pid_t pid : workers) before.push_back(pages_of(pid));
    ASSERT_GT(before[0].shared, 2000u) << "the workers share nothing";
    const Outcome outcome = run_command(command);
    std::string told;
    for (const std::string& word : command) told += word + " ";
    EXPECT_EQ(outcome.status, 0) << told << outcome.err;
    for (std::size_t i = 0; i < workers.size(); ++i) {
      const Pages after = pages_of(workers[i]);
      // What is injected stands in memory of the process for a moment, on a page or two; a thread that is
      // woken writes to its stack, and on a busy machine several are. A look that unshares takes thousands.
      constexpr std::uint64_t kFew = 32;
      EXPECT_GE(after.shared + kFew, before[i].shared) << told;
      EXPECT_LE(after.shared, before[i].shared + kFew) << told;
      EXPECT_LE(after.own, before[i].own + kFew) << told;
    }
  }
};

// What a command needs beside its target, for those that need something.
Words options_of(const std::string& command, const std::string& pid, const TemporaryFolder& folder) {
  if (command == "objects") return {"--type", "Page", "--limit", "3"};
  if (command == "path") return {"--type", "Page", "--all", "3"};
  if (command == "backrefs" || command == "refs") return {"--type", "Page", "-n", "3", "--format", "dot"};
  if (command == "diff") return {pid};
  if (command == "watch") return {"--interval", "100ms", "--duration", "300ms"};
  if (command == "query") return {"SELECT count(*) FROM objects"};
  if (command == "snapshot") return {"-o", folder.file("worker.hg")};
  if (command == "export") return {"--format", "jsonl", "-o", folder.file("worker.jsonl")};
  return {};
}

// ui goes on until it is ended.
constexpr char kPageOfUi[] = R"py(
import subprocess, sys, urllib.request
ui = subprocess.Popen([sys.argv[1], "ui", sys.argv[2]], stdout=subprocess.PIPE, text=True)
try:
    assert b"</html>" in urllib.request.urlopen(ui.stdout.readline().strip(), timeout=60).read()
finally:
    ui.terminate()
    ui.wait()
)py";

TEST_P(SharedPages, StaySharedWhateverTheCommand) {
  PythonProgram master(GetParam().path, "forked_workers.py", {"3", "20"});
  const std::vector<pid_t> workers = workers_of(master);
  ASSERT_EQ(workers.size(), 3u);
  const TemporaryFolder folder;
  const std::string target = std::to_string(workers[0]);
  // The program's own list of commands: a new one is looked at without anybody's doing.
  std::istringstream help(run_command({HEAPGLASS_PROGRAM, "--help"}).out);
  std::size_t count = 0;
  for (std::string line; std::getline(help, line);) {
    if (!line.starts_with("  ") || line.size() < 15 || line[2] == ' ' || line[13] != ' ' || line[14] == ' ')
      continue;
    const std::string command = line.substr(2, line.find(' ', 2) - 2);
    if (command == "show" || command == "tracemalloc") continue;  // of an object; where it traces
    if (command == "guard") continue;  // takes rules, and captures as snapshot does
    if (command == "since") continue;  // takes snapshots alone
    if (command == "top") continue;    // wants a terminal, and takes its samples as watch does
    Words words{HEAPGLASS_PROGRAM, command, target};
    if (command == "ps") words.pop_back();
    if (command == "ui") words = {"python3", "-c", kPageOfUi, HEAPGLASS_PROGRAM, target};
    const Words more = options_of(command, target, folder);
    words.insert(words.end(), more.begin(), more.end());
    ASSERT_NO_FATAL_FAILURE(expect_unchanged(workers, words));
    ++count;
  }
  EXPECT_GE(count, 15u);
}

// The master's pages are read beside each worker's, to be compared.
TEST_P(SharedPages, StaySharedWhenAFamilyIsLookedAt) {
  PythonProgram master(GetParam().path, "forked_workers.py", {"3", "20"});
  std::vector<pid_t> family = workers_of(master);
  family.push_back(master.pid());
  const TemporaryFolder folder;
  for (const Words& words :
       {Words{"memory"}, Words{"histogram"}, Words{"leaks"}, Words{"stacks"},
        Words{"snapshot", "-o", folder.file("%p.hg")}, Words{"report", "-o", folder.file("%p.html")}}) {
    Words command{HEAPGLASS_PROGRAM, words[0], "--family", master.target()};
    command.insert(command.end(), words.begin() + 1, words.end());
    ASSERT_NO_FATAL_FAILURE(expect_unchanged(family, command));
  }
  for (const char* mode : {"copy", "precopy", "fork", "none"})
    ASSERT_NO_FATAL_FAILURE(expect_unchanged(
        family, {HEAPGLASS_PROGRAM, "memory", "--family", master.target(), "--freeze", mode}));
}

TEST_P(SharedPages, StaySharedWhateverTheMode) {
  PythonProgram master(GetParam().path, "forked_workers.py", {"2", "20"});
  const std::vector<pid_t> workers = workers_of(master);
  for (const char* mode : {"copy", "precopy", "fork", "none", "auto"})
    ASSERT_NO_FATAL_FAILURE(
        expect_unchanged(workers, {HEAPGLASS_PROGRAM, "info", std::to_string(workers[1]), "--freeze", mode}));
  // The master as well: it is what they share with.
  ASSERT_NO_FATAL_FAILURE(
      expect_unchanged({master.pid(), workers[0]}, {HEAPGLASS_PROGRAM, "info", master.target()}));
}

TEST_P(SharedPages, PagesOfZerosAreNotCopied) {
  PythonProgram master(GetParam().path, "forked_workers.py", {"1", "4", "1024"});
  const std::vector<pid_t> workers = workers_of(master);
  const Outcome outcome =
      run_command({HEAPGLASS_PROGRAM, "info", std::to_string(workers[0]), "--format", "json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const std::size_t at = outcome.out.find("\"bytes_copied\":");
  ASSERT_NE(at, std::string::npos);
  EXPECT_LT(std::strtoull(outcome.out.c_str() + at + 15, nullptr, 10), 200'000'000u) << outcome.out;
}

std::uint64_t kilobytes_of(pid_t pid, const std::string& key) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(key)) return std::strtoull(line.c_str() + key.size(), nullptr, 10);
  return 0;
}

// A group whose memory is limited, of either version.
struct MemoryGroup {
  std::unique_ptr<ControlGroup> group;
  bool first = true;

  MemoryGroup() : group(std::make_unique<ControlGroup>("memory", "memory.limit_in_bytes")) {
    if (group->why_not().empty()) return;
    first = false;
    group = std::make_unique<ControlGroup>("", "memory.max");
  }
  std::uint64_t usage() const {
    return std::stoull(group->get(first ? "memory.usage_in_bytes" : "memory.current"));
  }
  bool limit(std::uint64_t bytes) const {
    return group->set(first ? "memory.limit_in_bytes" : "memory.max", std::to_string(bytes));
  }
};

// Were one worker's heap made its own, its group would need 100 MB more than it has.
TEST_P(SharedPages, NobodyIsKilledWhereTheGroupHasFiftyMegabytesToSpare) {
  const MemoryGroup group;
  if (!group.group->why_not().empty()) GTEST_SKIP() << group.group->why_not();
  // The kernel charges who touches a page first, so that the master enters the group before it has a heap.
  PythonProgram master(Words{"sh", "-c", "echo $$ >\"$0\" && exec \"$@\"", group.group->members_file(),
                             GetParam().path, "-B",
                             HEAPGLASS_SOURCE_DIR "/testdata/programs/forked_workers.py", "4", "100"});
  const std::vector<pid_t> workers = workers_of(master);
  ASSERT_EQ(workers.size(), 4u);
  ASSERT_TRUE(group.limit(group.usage() + 50'000'000));
  std::size_t i = 0;
  for (const char* mode : {"copy", "precopy", "fork", "none"}) {
    const std::string pid = std::to_string(workers[i++]);
    for (const char* command : {"info", "stacks"}) {
      const Outcome outcome = run_command({HEAPGLASS_PROGRAM, command, pid, "--freeze", mode});
      EXPECT_EQ(outcome.status, 0) << command << " " << mode << ": " << outcome.err;
    }
  }
  for (const pid_t pid : workers) EXPECT_EQ(kill(pid, 0), 0) << "worker " << pid << " was killed";
  EXPECT_EQ(master.finish(), 0);
}

// What the kernel has moved to swap is there again afterwards.
TEST_P(SharedPages, WhatIsInSwapGoesBackThere) {
  std::ifstream swaps("/proc/swaps");
  std::string heading, first;
  std::getline(swaps, heading);
  if (!std::getline(swaps, first)) GTEST_SKIP() << "this machine has no swap";
  PythonProgram target(GetParam().path, "swapped_out.py", {"24"});
  const std::uint64_t before = kilobytes_of(target.pid(), "VmSwap:");
  if (before < 8000) GTEST_SKIP() << "the kernel moved only " << before << " kB to swap";
  const Outcome outcome = run_command({HEAPGLASS_PROGRAM, "histogram", target.target()});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("in swap"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("Parcel"), std::string::npos) << outcome.out;
  EXPECT_GT(kilobytes_of(target.pid(), "VmSwap:"), before / 2);
}

TEST_P(SharedPages, AreTold) {
  PythonProgram master(GetParam().path, "forked_workers.py", {"2", "20"});
  const std::vector<pid_t> workers = workers_of(master);
  for (const char* command : {"info", "memory"}) {
    const Outcome outcome =
        run_command({HEAPGLASS_PROGRAM, command, std::to_string(workers[0]), "--format", "json"});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    const auto number = [&](const std::string& key) {
      const std::size_t at = outcome.out.find("\"" + key + "\":");
      return at == std::string::npos ? 0
                                     : std::strtoull(outcome.out.c_str() + at + key.size() + 3, nullptr, 10);
    };
    EXPECT_GT(number("pss"), 1'000'000u) << command;
    EXPECT_LT(number("pss"), number("rss")) << command;
    EXPECT_GT(number("shared_anonymous"), 8'000'000u) << outcome.out;
    EXPECT_LE(number("shared_anonymous"), number("shared")) << command;
  }
}

INSTANTIATE_TEST_SUITE_P(Live, SharedPages, testing::ValuesIn(few_interpreters()), InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SharedPages);

}  // namespace
}  // namespace heapglass
