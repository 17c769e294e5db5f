// The ways of holding a process that make it do something: they give what a copy gives, leave nothing behind,
// and it lives whatever happens to heapglass.

#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <regex>
#include <set>

#include "cmd/tests/live_results.h"
#include "cmd/tests/proc_status.h"
#include "cmd/tests/python_program.h"

#if defined(__x86_64__)

namespace heapglass {
namespace {

using Words = std::vector<std::string>;

Outcome heapglass(const Words& words) {
  Words command{HEAPGLASS_PROGRAM};
  command.insert(command.end(), words.begin(), words.end());
  return run_command(command);
}

std::string held_by(const Outcome& info) {
  std::smatch found;
  return std::regex_search(info.out, found, std::regex("\"freeze\": *\"([a-z]+)\"")) ? found[1].str() : "";
}

class FreezeInjected : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
    // Not a debug build: what is freed there is overwritten, and is no sign of a moment in between.
    for (const Interpreter& each : supported_interpreters())
      if (each.build == "release" && python_.empty()) python_ = each.path;
    if (python_.empty()) GTEST_SKIP() << "no release build of an interpreter that heapglass reads";
    PythonProgram target(python_, "frozen.py");
    if (const Outcome outcome = info(target); held_by(outcome) == "copy")
      GTEST_SKIP() << "not on this machine: " << outcome.out;
  }
  Outcome info(const PythonProgram& target) const {
    return heapglass({"info", "--no-heap", "--format", "json", mode(), target.target()});
  }
  std::string mode() const { return "--freeze=" + GetParam(); }
  std::string python_;
};

TEST_P(FreezeInjected, TellsTheSameAsACopy) {
  for (const char* program : {"frozen.py", "bench_heap.py", "threads.py"}) {
    PythonProgram target(python_, program);
    const auto objects = [&](const std::string& option) {
      return heapglass({"objects", target.target(), "--format", "csv", "--limit", "10000000", option});
    };
    Outcome copied = objects("--freeze=copy"), taken = objects(mode());
    // On a busy machine its threads may not all stand where they will: until two copies are alike.
    for (int tries = 0; tries < 10 && copied.out != taken.out; ++tries) {
      const Outcome again = objects("--freeze=copy");
      if (again.out == copied.out) break;
      copied = again;
      taken = objects(mode());
    }
    EXPECT_EQ(copied.status, 0) << copied.err;
    EXPECT_EQ(taken.status, 0) << taken.err;
    EXPECT_GT(copied.out.size(), 100000u);
    EXPECT_EQ(copied.out, taken.out) << program;
  }
}

// One moment: what changes at full speed is never met half changed but where the program itself was in the
// middle of it.
// What only a register refers to is no reference that C code has lost.
TEST_P(FreezeInjected, KeepsTheRegistersOfEveryThread) {
  const TemporaryFolder folder;
  const PythonProgram target(python_, "threads.py");
  const std::string file = folder.file("a.hg");
  const Outcome saved = heapglass({"snapshot", target.target(), "-o", file, mode()});
  ASSERT_EQ(saved.status, 0) << saved.err;
  const Outcome words =
      run_command({"python3", "-B", "-c",
                   "import sys; sys.path.insert(0, sys.argv[1]); from read_snapshot import Snapshot; "
                   "words = Snapshot(sys.argv[2]).column('os_threads.general'); "
                   "print(all(any(words[i:i + 32]) for i in range(0, len(words), 32)) and len(words) >= 64)",
                   HEAPGLASS_SOURCE_DIR "/testdata", file});
  EXPECT_EQ(words.out, "True\n") << words.err;
}

TEST_P(FreezeInjected, NoWalkIsLostWhereEverythingChanges) {
  PythonProgram target(python_, "mutating.py");
  for (int i = 0; i < 10; ++i) {
    const Outcome outcome = heapglass({"histogram", target.target(), mode(), "--limit", "100"});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.out.find("the collector's lists changed"), std::string::npos) << outcome.out;
    const std::string text = outcome.out;
    int broken = 0;
    const std::regex told("skipped: ([0-9]+) ");
    for (std::sregex_iterator at(text.begin(), text.end(), told), end; at != end; ++at)
      broken += std::stoi((*at)[1]);
    EXPECT_LE(broken, 2) << outcome.out;  // a thread each
  }
  EXPECT_TRUE(target.answers('?', '+'));
  EXPECT_EQ(target.finish(), 0);
}

// Against everything read once more in the stop, with which heapglass compares it: byte for byte the same,
// however much was written meanwhile.
TEST_P(FreezeInjected, WhatWasCopiedBeforeTheStopIsWhatIsThereInIt) {
  if (GetParam() != "precopy") GTEST_SKIP() << "only precopy copies before";
  PythonProgram target(python_, "mutating.py");
  for (int i = 0; i < 8; ++i) {
    const Outcome outcome =
        heapglass({"info", "--no-heap", "--format", "json", mode(), target.target(), "--check-copy"});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
  }
  EXPECT_TRUE(target.answers('?', '+'));
  EXPECT_EQ(target.finish(), 0);
}

// What a program could find changed.
std::string facts(pid_t pid) {
  const std::string process = "/proc/" + std::to_string(pid);
  std::set<std::string> lines;
  for (const auto& entry : std::filesystem::directory_iterator(process + "/fd")) {
    std::error_code gone;
    lines.insert("fd " + entry.path().filename().string() + " " + read_symlink(entry.path(), gone).string());
  }
  for (const auto& thread : std::filesystem::directory_iterator(process + "/task")) {
    const std::string name = std::to_string(pid) + "/task/" + thread.path().filename().string();
    for (const char* key :
         {"SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd", "TracerPid", "Seccomp", "NoNewPrivs"})
      lines.insert(name + " " + key + " " + status_line(name, key));
    std::istringstream children(file_text(thread.path().string() + "/children"));
    for (std::string child; children >> child;) lines.insert(name + " child " + child);
  }
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  // Every mapping with its flags.
  std::istringstream smaps(file_text(process + "/smaps"));
  for (std::string line; std::getline(smaps, line);)
    if (line.rfind("VmFlags", 0) == 0 || line.find('-') < line.find(':')) text += line + "\n";
  return text;
}

TEST_P(FreezeInjected, LeavesNothingBehind) {
  for (const char* program : {"frozen.py", "bench_heap.py"}) {
    PythonProgram target(python_, program);
    const std::string before = facts(target.pid());
    for (int i = 0; i < 5; ++i) {
      const Outcome outcome = info(target);
      ASSERT_EQ(outcome.status, 0) << outcome.err;
      EXPECT_EQ(held_by(outcome), GetParam()) << outcome.out;
      EXPECT_EQ(facts(target.pid()), before);
    }
  }
}

TEST_P(FreezeInjected, NoWaitIsDisturbed) {
  PythonProgram target(python_, "undisturbed.py");
  for (int i = 0; i < 40; ++i) {
    const Outcome outcome = info(target);
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(held_by(outcome), GetParam()) << outcome.out;
  }
  EXPECT_TRUE(target.answers('a', 'A'));
  EXPECT_EQ(zombies_of(target.pid()), 0);
  EXPECT_EQ(target.finish(), 0);
}

TEST_P(FreezeInjected, AProcessThatIsStoppedStaysSo) {
  PythonProgram target(python_, "mutating.py");
  kill(target.pid(), SIGSTOP);
  for (int i = 0; i < 1000 && target.state() != 'T'; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  for (int i = 0; i < 3; ++i) {
    const Outcome outcome = info(target);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(held_by(outcome), GetParam()) << outcome.out;
    for (int k = 0; k < 1000 && target.state() != 'T'; ++k)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(target.state(), 'T');
  }
  kill(target.pid(), SIGCONT);
  EXPECT_TRUE(target.answers('?', '+'));
  EXPECT_EQ(zombies_of(target.pid()), 0);
  EXPECT_EQ(target.finish(), 0);
}

TEST_P(FreezeInjected, AFilterThatKillsIsNotTried) {
  PythonProgram target(python_, "seccomp_kill.py");
  const Outcome outcome = heapglass({"info", mode(), target.target()});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(std::regex_search(outcome.out, std::regex("held by +copy"))) << outcome.out;
  EXPECT_TRUE(std::regex_search(outcome.out, std::regex("cannot be used here: .*seccomp"))) << outcome.out;
  EXPECT_TRUE(target.answers('?', '+'));
  EXPECT_EQ(target.finish(), 0);
}

// Where the one thread there is waits for a vfork nothing can be had of it, nor need be.
TEST_P(FreezeInjected, AThreadThatWaitsForAVforkIsNotWaitedFor) {
  PythonProgram target(python_, "vforking.py", {"6"});
  for (int i = 0; i < 500 && target.state() != 'D'; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  ASSERT_EQ(target.state(), 'D');
  const Outcome outcome = heapglass({"histogram", target.target(), mode(), "--limit", "100"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(std::regex_search(outcome.out, std::regex("__main__\\.Held +1,000"))) << outcome.out;
  EXPECT_EQ(status_line(target.target(), "TracerPid"), "0");
  EXPECT_TRUE(target.answers('?', '+'));
  EXPECT_EQ(zombies_of(target.pid()), 0);
  EXPECT_EQ(target.finish(), 0);
}

// Who traces a thread of the process, which need not be its first; 0 for nobody.
pid_t tracer_of(const PythonProgram& target) {
  std::error_code gone;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/" + target.target() + "/task", gone))
    if (const pid_t tracer = std::atoi(status_line(thread.path().filename(), "TracerPid").c_str()))
      return tracer;
  return 0;
}

// heapglass killed, its helper killed, and both.
TEST_P(FreezeInjected, LivesWhateverHappensToUs) {
  PythonProgram target(python_, "undisturbed.py", {"300000"});
  std::mt19937 random(20261121);
  int helpers = 0;
  const auto began = std::chrono::steady_clock::now();
  ASSERT_EQ(heapglass({"info", "--no-heap", mode(), target.target()}).status, 0);
  const std::chrono::duration<double> whole = std::chrono::steady_clock::now() - began;
  for (int i = 0; i < 20; ++i) {
    {
      ChildProcess looking({HEAPGLASS_PROGRAM, "info", "--no-heap", mode(), target.target()}, {});
      // heapglass is killed at any moment; where its helper is to be killed, that is waited for.
      const auto until = std::chrono::steady_clock::now() +
                         whole * (i % 3 ? 3.0 : static_cast<double>(random() % 1000) / 1000);
      pid_t helper = 0;
      while (std::chrono::steady_clock::now() < until && helper == 0) helper = tracer_of(target);
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 2000));
      if (i % 3 && helper != 0) {
        helpers += file_text("/proc/" + std::to_string(helper) + "/comm") == "heapglass-hold\n";
        kill(helper, SIGKILL);
        if (i % 3 == 1) looking.wait(std::chrono::seconds(30));  // it clears up
      }
    }  // killed here
    ASSERT_TRUE(target.answers('a', 'A')) << "after round " << i;
    for (int k = 0; k < 2000 && tracer_of(target) != 0; ++k)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(tracer_of(target), 0);
  }
  EXPECT_GT(helpers, 0);
  EXPECT_EQ(heapglass({"info", mode(), target.target()}).status, 0);
  EXPECT_EQ(zombies_of(target.pid()), 0);
  EXPECT_EQ(facts(target.pid()).find("userfaultfd"), std::string::npos);
  EXPECT_TRUE(target.answers('a', 'A'));
  // A thread that had been asked to stop, and had not when nobody was left to hold it, may find its wait
  // ended.
  const int status = target.finish();
  EXPECT_TRUE(status == 0 || status == 1) << status;
}

INSTANTIATE_TEST_SUITE_P(Live, FreezeInjected, testing::Values("fork", "precopy"),
                         [](const auto& each) { return each.param; });

}  // namespace
}  // namespace heapglass
#endif
