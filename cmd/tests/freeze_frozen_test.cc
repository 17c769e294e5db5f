// A process in a frozen control group (docker pause, systemd's freeze): it is answered at once, whatever way
// of holding it was asked for, and nothing traces it afterwards.

#include <gtest/gtest.h>

#include <atomic>
#include <regex>

#include "cmd/tests/frozen_group.h"
#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

using Kind = FrozenGroup::Kind;
using Words = std::vector<std::string>;
// Of a machine that is busy with other tests. Where it hung, it hung for ever.
constexpr std::chrono::seconds kAtOnce{20};

Outcome heapglass(const Words& words) {
  Words command{HEAPGLASS_PROGRAM};
  command.insert(command.end(), words.begin(), words.end());
  return run_command(command, "", "", std::chrono::seconds(60));
}

bool is_traced(pid_t pid) { return status_line(pid, "TracerPid") != "0"; }

class FreezeFrozen : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
    python_ = supported_interpreters().back().path;
    if (!group_.why_not().empty()) GTEST_SKIP() << group_.why_not();
  }
  FrozenGroup group_{GetParam()};
  std::string python_;
};

TEST_P(FreezeFrozen, EveryModeAnswersAndItStaysFrozen) {
  PythonProgram target(python_, "bench_heap.py", {"100000"});
  ASSERT_TRUE(group_.add(target.pid()));
  ASSERT_TRUE(group_.freeze());
  for (const char* mode : {"copy", "none", "fork", "precopy", "auto"}) {
    const auto began = std::chrono::steady_clock::now();
    const Outcome outcome = heapglass({"info", target.target(), "--format", "json", "--freeze", mode});
    EXPECT_LT(std::chrono::steady_clock::now() - began, kAtOnce) << mode;
    EXPECT_EQ(outcome.status, 0) << mode << outcome.err;
    EXPECT_TRUE(std::regex_search(outcome.out, std::regex("\"state\": *\"frozen\""))) << outcome.out;
    EXPECT_NE(outcome.out.find("its control group is frozen ("), std::string::npos) << outcome.out;
    const std::string held_by = std::string(mode) == "none" ? "none" : "copy";
    EXPECT_TRUE(std::regex_search(outcome.out, std::regex("\"freeze\": *\"" + held_by + "\"")))
        << outcome.out;
    EXPECT_FALSE(is_traced(target.pid())) << mode;
    EXPECT_TRUE(group_.frozen()) << mode;
  }
  const Outcome refused = heapglass({"info", target.target(), "--max-pause", "1"});
  if (refused.status != 0) {
    EXPECT_EQ(refused.err.find("--freeze=precopy"), std::string::npos) << refused.err;
    EXPECT_EQ(refused.err.find("--freeze=fork"), std::string::npos) << refused.err;
  }
  group_.thaw();
  EXPECT_EQ(target.finish(), 0);
}

// What was read while it ran for a bit is of no one moment, and is not told as if it were.
TEST_P(FreezeFrozen, ThawedAndFrozenMeanwhileItIsReadAgainOrSaysSo) {
  PythonProgram target(python_, "mutating.py");
  ASSERT_TRUE(group_.add(target.pid()));
  std::atomic<bool> ends = false;
  std::thread toggles([&] {
    for (int i = 0; !ends; ++i) {
      group_.set(GetParam() == Kind::kFirstVersion ? (i % 2 ? "THAWED" : "FROZEN") : (i % 2 ? "0" : "1"));
      std::this_thread::sleep_for(std::chrono::milliseconds(3 + i % 7));
    }
  });
  for (int i = 0; i < 12; ++i) {
    const char* const modes[] = {"copy", "fork", "precopy"};
    const Outcome outcome = heapglass({"histogram", target.target(), "--freeze", modes[i % 3]});
    EXPECT_TRUE(outcome.status == 0 || outcome.status == 3) << outcome.status << outcome.err;
    if (outcome.status == 3) continue;
    EXPECT_EQ(outcome.out.find("the collector's lists changed"), std::string::npos) << outcome.out;
  }
  ends = true;
  toggles.join();
  group_.thaw();
  EXPECT_TRUE(target.answers('?', '+'));
  EXPECT_FALSE(is_traced(target.pid()));
  EXPECT_EQ(zombies_of(target.pid()), 0);
  EXPECT_EQ(target.finish(), 0);
}

// Frozen in the middle of it, heapglass killed or asked to end: the helper ends, and it goes on when it may.
TEST_P(FreezeFrozen, FrozenWhileItIsHeldNoHelperStays) {
  PythonProgram target(python_, "undisturbed.py", {"300000"});
  ASSERT_TRUE(group_.add(target.pid()));
  for (int round = 0; round < 6; ++round) {
    const char* const mode = round % 2 ? "fork" : "precopy";
    ChildProcess looking({HEAPGLASS_PROGRAM, "info", "--no-heap", "--freeze", mode, target.target()}, {});
    std::string tracer = "0";
    for (int i = 0; i < 20000 && (tracer = status_line(target.pid(), "TracerPid")) == "0"; ++i)
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    group_.set(GetParam() == Kind::kFirstVersion ? "FROZEN" : "1");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (round / 2 == 0) kill(looking.pid(), SIGKILL);
    if (round / 2 == 1 && tracer != "0") kill(std::stoi(tracer), SIGTERM);
    EXPECT_NE(looking.wait(std::chrono::seconds(60)), -1) << mode << " did not end";
    for (int i = 0; i < 1500 && is_traced(target.pid()); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_FALSE(is_traced(target.pid())) << mode << " " << round;
    group_.thaw();
    ASSERT_TRUE(target.answers('a', 'A')) << "after round " << round;
  }
  EXPECT_EQ(zombies_of(target.pid()), 0);
}

INSTANTIATE_TEST_SUITE_P(Groups, FreezeFrozen,
                         testing::Values(Kind::kFirstVersion, Kind::kSecondVersion, Kind::kAbove),
                         [](const testing::TestParamInfo<Kind>& each) {
                           return each.param == Kind::kFirstVersion    ? "FirstVersion"
                                  : each.param == Kind::kSecondVersion ? "SecondVersion"
                                                                       : "Above";
                         });

}  // namespace
}  // namespace heapglass
