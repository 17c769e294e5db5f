// --resolve=run against code that wishes us ill, and what each way of resolving says of itself.

#include <dirent.h>
#include <gtest/gtest.h>

#include <set>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

// The first interpreter that hostile.py knows its way in.
[[maybe_unused]] std::optional<Interpreter> release_interpreter() {
  std::optional<Interpreter> found;
  for (const Interpreter& each : supported_interpreters())
    if (each.build == "release") found = each;  // the newest
  return found;
}

std::set<pid_t> children_of(pid_t parent) {
  std::set<pid_t> children;
  DIR* proc = opendir("/proc");
  while (const dirent* entry = proc ? readdir(proc) : nullptr) {
    if (!std::isdigit(static_cast<unsigned char>(entry->d_name[0]))) continue;
    std::ifstream stat(std::string("/proc/") + entry->d_name + "/stat");
    const std::string text((std::istreambuf_iterator<char>(stat)), {});
    const std::size_t name_end = text.rfind(')');
    if (name_end == std::string::npos) continue;
    char state;
    pid_t its_parent;
    if (std::istringstream(text.substr(name_end + 1)) >> state >> its_parent && its_parent == parent)
      children.insert(std::atoi(entry->d_name));
  }
  if (proc) closedir(proc);
  return children;
}

struct Exported {
  Outcome outcome;
  std::string header;
  std::uint64_t honest = 0, honest_exact = 0, honest_guessed = 0, hostile = 0;
  std::chrono::steady_clock::duration took{};
};

class Hostile : public testing::Test {
 protected:
  void SetUp() override {
#ifndef HEAPGLASS_HOSTILE
    GTEST_SKIP() << "hostile.cc is for x86-64 and not built with sanitizers";
#else
    python_ = release_interpreter();
    if (!python_) GTEST_SKIP() << "there is no release build of a Python that heapglass reads";
#endif
  }

  Exported run([[maybe_unused]] const std::string& resolve,
               [[maybe_unused]] const std::vector<std::string>& functions = {}) {
    Exported out;
#ifdef HEAPGLASS_HOSTILE
    const std::string forbidden = folder_.file("forbidden"), exported = folder_.file("exported");
    std::vector<std::string> arguments{HEAPGLASS_HOSTILE, forbidden};
    arguments.insert(arguments.end(), functions.begin(), functions.end());
    PythonProgram target(python_->path, "hostile/hostile.py", arguments);
    const std::string referent = target.ready_line().substr(6);
    const auto began = std::chrono::steady_clock::now();
    out.outcome = run_command({HEAPGLASS_PROGRAM, "export", target.target(), "--format", "jsonl", "-o",
                               exported, "--resolve=" + resolve});
    out.took = std::chrono::steady_clock::now() - began;
    std::ifstream lines(exported);
    std::getline(lines, out.header);
    for (std::string line; std::getline(lines, line);) {
      if (line.find("\"type\":\"__main__.honest\"") != std::string::npos) {
        ++out.honest;
        out.honest_exact += line.find("\"refs\":[" + referent + "]") != std::string::npos;
        out.honest_guessed += line.find("\"guessed_refs\"") != std::string::npos;
      } else if (line.find("\"type\":\"__main__.") != std::string::npos) {
        ++out.hostile;
      }
    }
    EXPECT_EQ(target.finish(), 0) << "the target did not live on";
    EXPECT_NE(access(forbidden.c_str(), F_OK), 0) << "a file was made";
#endif
    return out;
  }

  std::optional<Interpreter> python_;
  TemporaryFolder folder_;
};

TEST_F(Hostile, CostsAtMostItsOwnObjects) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);  // what heapglass left behind would come to us
  const Exported e = run("run");
  ASSERT_EQ(e.outcome.status, 0) << e.outcome.err;
  EXPECT_EQ(e.outcome.out, "");
  EXPECT_EQ(e.honest, 3 * 21u);
  EXPECT_EQ(e.honest_exact, e.honest) << e.header;
  EXPECT_EQ(e.hostile, 3 * 21u);
  // A second or two of processor time for what has no end; beside other work up to the 20 s that the sandbox
  // has in all.
  EXPECT_LT(e.took, std::chrono::seconds(60)) << "its time has no limit";
  EXPECT_TRUE(children_of(getpid()).empty()) << "a process was left behind";
  std::cout << "took " << std::chrono::duration<double>(e.took).count() << " s; " << e.header << "\n";
}

TEST_F(Hostile, ScanAndLayoutRunNothing) {
  const Exported scanned = run("scan", {"opens", "loops"});
  ASSERT_EQ(scanned.outcome.status, 0) << scanned.outcome.err;
  EXPECT_NE(scanned.header.find("guessed from their bytes"), std::string::npos) << scanned.header;
  EXPECT_EQ(scanned.honest_exact, 0u);
  EXPECT_LT(scanned.took, std::chrono::seconds(10));
  const Exported layout = run("layout", {"opens", "loops"});
  ASSERT_EQ(layout.outcome.status, 0) << layout.outcome.err;
  EXPECT_NE(layout.header.find("left out where no layout tells them"), std::string::npos) << layout.header;
  EXPECT_EQ(layout.honest_guessed, 0u);
}

TEST_F(Hostile, AutoRunsForTheSameUser) {
  const Exported e = run("auto", {"opens"});
  ASSERT_EQ(e.outcome.status, 0) << e.outcome.err;
  EXPECT_EQ(e.honest, 3u);
  EXPECT_EQ(e.honest_exact, 3u);
}

TEST(Resolve, AnUnknownWayIsRefused) {
  const Outcome outcome = run_command({HEAPGLASS_PROGRAM, "info", "1", "--resolve=magic"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_NE(outcome.err.find("auto, layout, run or scan"), std::string::npos) << outcome.err;
}

// The code that stays in the child is copied to another address: it may refer to nothing outside of itself.
TEST(Resolve, TheStubStandsAlone) {
  const Outcome outcome = run_command({"objdump", "-d", "-j", "heapglass_stub", HEAPGLASS_PROGRAM});
  if (outcome.status == 127) GTEST_SKIP() << "there is no objdump";
#if defined(__x86_64__)
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  ASSERT_NE(outcome.out.find("<heapglass_stub_enter>:"), std::string::npos);
#endif
  std::istringstream lines(outcome.out);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t target = line.find('<');
    const bool refers = line.find("(%rip)") != std::string::npos ||
                        (target != std::string::npos && line.find('\t') != std::string::npos);
    if (refers) {
      EXPECT_NE(line.find("<heapglass_stub_"), std::string::npos) << line;
    }
    EXPECT_EQ(line.find("%xmm"), std::string::npos) << line;
  }
}

class SelfCheck : public testing::TestWithParam<Interpreter> {};

// Every object by layouts and by its own tp_traverse.
TEST_P(SelfCheck, LayoutsTellWhatTheCodeTells) {
#if !defined(__x86_64__)
  GTEST_SKIP() << "code of the target is run on x86-64 only";
#endif
  PythonProgram target(GetParam().path, "builtins_zoo.py");
  const Outcome outcome = run_command({HEAPGLASS_PROGRAM, "selfcheck", target.target()});
  EXPECT_EQ(outcome.status, 0) << outcome.out << outcome.err;
}

INSTANTIATE_TEST_SUITE_P(EveryPython, SelfCheck, testing::ValuesIn(interpreters_of_the_day("SelfCheck")),
                         InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SelfCheck);

}  // namespace
}  // namespace heapglass
