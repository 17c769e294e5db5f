// Core files: every command answers as it does of the process that they were made from.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <filesystem>
#include <regex>
#include <set>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> with_truths(std::vector<std::string> command, const TemporaryFolder& folder) {
  for (const auto& each : fs::directory_iterator(folder.path()))
    if (each.path().filename().string().rfind("truth", 0) == 0) command.push_back(each.path());
  return command;
}

void expect_exact(const std::string& core, const TemporaryFolder& folder) {
  const std::string exported = folder.file("exported");
  const Outcome outcome =
      run_command({HEAPGLASS_PROGRAM, "export", core, "--format", "jsonl", "-o", exported});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Outcome verdict = run_command(with_truths({HEAPGLASS_COMPARE_TRUTH, exported}, folder));
  EXPECT_EQ(verdict.status, 0) << verdict.out << verdict.err;
}

class CoreOf : public testing::TestWithParam<Interpreter> {};

// Exact by layouts; and all objects asked by running their code, in a process made from the core.
TEST_P(CoreOf, GdbIsExact) {
  const TemporaryFolder folder;
  PythonProgram target(GetParam().path, "builtins_zoo.py", {"--truth", folder.file("truth")});
  const std::string core = gcore(target, folder);
  if (core.empty()) GTEST_SKIP() << "gdb is not there, or may not trace";
  expect_exact(core, folder);
  const Outcome outcome = run_command({HEAPGLASS_PROGRAM, "selfcheck", core});
  EXPECT_EQ(outcome.status, 0) << outcome.out << outcome.err;
  EXPECT_NE(outcome.out.find("(none)"), std::string::npos) << outcome.out;
}

INSTANTIATE_TEST_SUITE_P(Live, CoreOf, testing::ValuesIn(interpreters_of_the_day("CoreOf")),
                         InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(CoreOf);

class Core : public testing::Test {
 protected:
  void SetUp() override {
    if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
    target_ = std::make_unique<PythonProgram>(supported_interpreters().back().path, "library_zoo.py",
                                              std::vector<std::string>{"--truth", folder_.file("truth")});
    core_ = gcore(*target_, folder_);
    if (core_.empty()) GTEST_SKIP() << "gdb is not there, or may not trace";
  }
  Outcome histogram(const std::vector<std::string>& options) {
    std::vector<std::string> command{HEAPGLASS_PROGRAM, "histogram", "--format", "csv"};
    command.insert(command.end(), options.begin(), options.end());
    return run_command(command);
  }
  static void expect_refused(const Outcome& outcome, int status, const std::string& says) {
    EXPECT_EQ(outcome.status, status) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_TRUE(std::regex_search(outcome.err, std::regex(says))) << outcome.err;
  }
  TemporaryFolder folder_;
  std::unique_ptr<PythonProgram> target_;
  std::string core_;
};

TEST_F(Core, AnswersAsTheProcessDoes) {
  EXPECT_EQ(histogram({core_}).out, histogram({target_->target()}).out);
}

TEST_F(Core, TablesAreThoseOfTheProcess) {
  for (const char* const table :
       {"objects", "refs", "types", "roots", "threads", "frames", "arenas WHERE allocator = 'pymalloc'"}) {
    const std::vector<std::string> query{std::string("SELECT * FROM ") + table, "--limit", "0", "--format",
                                         "csv"};
    std::vector<std::string> live{HEAPGLASS_PROGRAM, "query", target_->target()},
        saved{HEAPGLASS_PROGRAM, "query", core_};
    live.insert(live.end(), query.begin(), query.end());
    saved.insert(saved.end(), query.begin(), query.end());
    const Outcome outcome = run_command(live);
    EXPECT_GT(outcome.out.size(), 40u) << table << outcome.err;
    EXPECT_EQ(run_command(saved).out == outcome.out, true) << table;
  }
}

// What was in memory and what was swapped out a core does not tell.
TEST_F(Core, HasNoResidentSize) {
  const Outcome outcome = run_command({HEAPGLASS_PROGRAM, "leaks", core_});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out.rfind("memory  captured, its RSS is not known, ", 0), 0u)
      << outcome.out.substr(0, 200);
}

TEST_F(Core, CompressedAnswersTheSame) {
  const Outcome plain = histogram({core_});
  ASSERT_EQ(run_command({"gzip", "-k", "-1", core_}).status, 0);
  EXPECT_EQ(histogram({core_ + ".gz"}).out, plain.out);
  if (run_command({"zstd", "-q", "-k", core_}).status != 0) GTEST_SKIP() << "zstd is not there";
  EXPECT_EQ(histogram({core_ + ".zst"}).out, plain.out);
  fs::resize_file(core_ + ".zst", fs::file_size(core_ + ".zst") / 2);
  expect_refused(histogram({core_ + ".zst"}), 5, "cannot inflate .*ends in the middle");
  fs::resize_file(core_ + ".gz", fs::file_size(core_ + ".gz") / 2);
  expect_refused(histogram({core_ + ".gz"}), 5, "cannot inflate .*ends in the middle");
}

// The binaries as a folder of files that were carried along.
TEST_F(Core, SysrootHasTheFiles) {
  const std::string root = folder_.file("root");
  fs::create_directory(root);
  std::ifstream maps("/proc/" + target_->target() + "/maps");
  for (std::string line; std::getline(maps, line);)
    if (const std::size_t at = line.find('/'); at != std::string::npos && fs::exists(line.substr(at)))
      fs::copy_file(line.substr(at), root + line.substr(line.rfind('/')), fs::copy_options::skip_existing);
  EXPECT_EQ(histogram({core_, "--sysroot", root}).out, histogram({core_}).out);
  const std::string empty = root + "/empty";
  fs::create_directory(empty);
  expect_refused(histogram({core_, "--sysroot", empty}), 3, "without the files that ran.*there is no");
}

TEST_F(Core, FilesOfAnotherBuildAreNotTaken) {
  const std::string root = folder_.file("other");
  fs::create_directory(root);
  std::ifstream maps("/proc/" + target_->target() + "/maps");
  for (std::string line; std::getline(maps, line);)
    if (const std::size_t at = line.find('/'); at != std::string::npos && fs::exists(line.substr(at)))
      fs::copy_file(HEAPGLASS_PROGRAM, root + line.substr(line.rfind('/')), fs::copy_options::skip_existing);
  expect_refused(histogram({core_, "--sysroot", root}), 3, "of another build");
}

TEST_F(Core, CutOnesSaySo) {
  const auto size = fs::file_size(core_);
  bool told = false;
  for (const unsigned tenths : {9, 5, 1}) {
    fs::resize_file(core_, size / 10 * tenths);
    const Outcome outcome = histogram({core_});
    EXPECT_TRUE(outcome.status == 0 || outcome.status >= 3) << outcome.status;
    if (outcome.status == 0) {
      const Outcome text = run_command({HEAPGLASS_PROGRAM, "histogram", core_});
      told |= text.out.find("the core file is cut") != std::string::npos;
    } else {
      EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
      told |= outcome.status >= 3;
    }
  }
  EXPECT_TRUE(told);
  fs::resize_file(core_, 100);
  expect_refused(histogram({core_}), 5, "damaged");
}

TEST_F(Core, OtherFilesAreNoTargets) {
  expect_refused(histogram({HEAPGLASS_PROGRAM}), 2, "program or library, not a core");
  expect_refused(histogram({kPrograms + "deep.py"}), 2, "not a core file");
  expect_refused(histogram({folder_.path()}), 2, "not a regular file");
  expect_refused(histogram({folder_.file("nothing")}), 2, "not a process id, nor a snapshot or core file");
}

// As it is left behind by a program that aborts, where the system lets it.
TEST_F(Core, OfTheKernelIsExact) {
  std::ifstream pattern("/proc/sys/kernel/core_pattern");
  std::string text;
  std::getline(pattern, text);
  if (text.empty() || text.find_first_of("|%/") != std::string::npos)
    GTEST_SKIP() << "core_pattern is '" << text
                 << "': the kernel's cores do not come to the working directory";
  const TemporaryFolder folder;
  const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
  const auto python = supported_interpreters().front().path;
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  PythonProgram target(python, "classes_zoo.py", {"--truth", folder.file("truth")});
  fs::current_path(before);
  ASSERT_EQ(prlimit(target.pid(), RLIMIT_CORE, &all, nullptr), 0);
  kill(target.pid(), SIGABRT);
  EXPECT_EQ(target.finish(), 128 + SIGABRT);
  std::string core;
  for (const auto& each : fs::directory_iterator(folder.path()))
    if (each.path().filename().string().rfind("core", 0) == 0) core = each.path();
  if (core.empty()) GTEST_SKIP() << "the kernel wrote none";
  expect_exact(core, folder);
}

// As the kernel starts the program of core_pattern: no environment, in /, with the pipe and nothing else
// open.
Outcome piped(const std::string& command, const std::string& options) {
  return run_command({"env", "-i", "sh", "-c",
                      command + " | (cd / && exec " HEAPGLASS_PROGRAM " snapshot - " + options + ")"});
}

TEST_F(Core, OfAPipeAnswersAsItsFileDoes) {
  const std::string saved = folder_.file("piped-%p.hg"), file = folder_.file("file.hg"),
                    snapshot = folder_.file("piped-" + target_->target() + ".hg");
  const Outcome outcome =
      piped("cat " + core_, "--sysroot /proc/" + target_->target() + "/root -o " + saved + " >&- 2>&-");
  ASSERT_EQ(outcome.status, 0);
  ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "snapshot", core_, "--resolve", "scan", "-o", file}).status, 0);
  for (const char* const command : {"histogram", "leaks", "stacks", "retained", "garbage"}) {
    const Outcome one = run_command({HEAPGLASS_PROGRAM, command, snapshot}),
                  other = run_command({HEAPGLASS_PROGRAM, command, file});
    EXPECT_GT(one.out.size(), 40u) << one.err;
    // Who it belongs to is told of the file.
    EXPECT_EQ(one.out.substr(0, 200), other.out.substr(0, 200)) << command;
  }
  EXPECT_EQ(histogram({snapshot}).out, histogram({file}).out);
  ASSERT_EQ(piped("gzip -1 <" + core_, "-o " + folder_.file("gz.hg")).status, 0);
  EXPECT_EQ(histogram({folder_.file("gz.hg")}).out, histogram({file}).out);
}

// What comes of a pipe that ends, of too much, and of something else: one line, and no file.
TEST_F(Core, OfAPipeIsTakenWholeOrNotAtAll) {
  const std::string file = folder_.file("none.hg"), to = "-o " + file;
  const std::string tenth = std::to_string(fs::file_size(core_) / 10);
  std::set<std::string> before, after;
  for (const auto& each : fs::directory_iterator(folder_.path())) before.insert(each.path());
  expect_refused(piped("head -c " + tenth + " " + core_, to), 5,
                 "core on standard input is cut: its last [0-9]+ bytes");
  expect_refused(piped("head -c 100 " + core_, to), 5, "'standard input' is damaged");
  expect_refused(piped("gzip -1 <" + core_ + " | head -c 100000", to), 5, "ends in the middle");
  expect_refused(piped("cat " + core_, to + " --max-core " + tenth), 5, "more than the " + tenth + " bytes");
  expect_refused(piped("echo core", to), 2, "there is no core on standard input");
  expect_refused(piped("cat /dev/null", to), 2, "there is nothing on standard input");
  expect_refused(piped("cat " + std::string(HEAPGLASS_PROGRAM), to), 2, "program or library, not a core");
  for (const auto& each : fs::directory_iterator(folder_.path())) after.insert(each.path());
  EXPECT_EQ(before, after);
  expect_refused(histogram({"-"}), 2, "'-' is not a process id");
  expect_refused(run_command({HEAPGLASS_PROGRAM, "snapshot", core_, "-o", file, "--max-core", "5"}), 2,
                 "standard input");
}

}  // namespace
}  // namespace heapglass
