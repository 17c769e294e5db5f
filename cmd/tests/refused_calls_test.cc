// heapglass in a container whose seccomp profile refuses system calls: an answer, or one line that says so.
#include <gtest/gtest.h>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

class RefusedCalls : public testing::Test {
 protected:
  void SetUp() override {
#ifndef __x86_64__
    GTEST_SKIP() << "the numbers are those of x86-64";
#endif
    if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
    target_ = std::make_unique<PythonProgram>(supported_interpreters().back().path, "held.py");
  }
  Outcome without(const std::string& error, const std::string& calls, std::vector<std::string> words) const {
    std::vector<std::string> command{"python3", kPrograms + "under_seccomp.py", error, calls,
                                     HEAPGLASS_PROGRAM};
    command.insert(command.end(), words.begin(), words.end());
    return run_command(command);
  }
  std::unique_ptr<PythonProgram> target_;
};

// 101 ptrace, 298 perf_event_open, 304 open_by_handle_at, 310 process_vm_readv, 312 kcmp, 317 seccomp,
// 321 bpf, 323 userfaultfd, 332 statx, 424 pidfd_send_signal, 434 pidfd_open, 435 clone3, 437 openat2,
// 438 pidfd_getfd, 439 faccessat2, 440 process_madvise, 444 to 446 landlock.
TEST_F(RefusedCalls, WhatCanBeDoneWithoutIsDone) {
  for (const auto& [error, calls] : std::vector<std::pair<std::string, std::string>>{
           {"EPERM", "310"},
           {"EPERM", "317"},
           {"EPERM", "444,445,446"},
           {"ENOSYS", "444,445,446"},
           {"EPERM", "298,304,310,312,317,321,323,332,424,434,437,438,439,440,444,445,446"},
           {"ENOSYS", "310,323,332,424,434,435,437,438,439,440,444,445,446"}})
    for (const std::string mode : {"copy", "precopy", "none"}) {
      const Outcome outcome =
          without(error, calls, {"histogram", target_->target(), "--type", "InPartial", "--freeze", mode});
      EXPECT_EQ(outcome.status, 0) << error << " of " << calls << ", " << mode << ": " << outcome.err;
      EXPECT_NE(outcome.out.find("__main__.InPartial"), std::string::npos) << outcome.out.substr(0, 500);
    }
}

TEST_F(RefusedCalls, WithoutPtraceOneLineSaysWhatToAllow) {
  for (const std::string calls : {"101", "101,310", "101,298,304,310,312,317,321,323,434,437,438,440,444"}) {
    const Outcome outcome = without("EPERM", calls, {"leaks", target_->target()});
    EXPECT_EQ(outcome.status, 3) << calls;
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_NE(outcome.err.find("cannot stop process " + target_->target()), std::string::npos) << outcome.err;
    EXPECT_NE(outcome.err.find("seccomp"), std::string::npos) << outcome.err;
  }
  const Outcome unstopped = without("EPERM", "101", {"histogram", target_->target(), "--freeze", "none"});
  EXPECT_EQ(unstopped.status, 0) << unstopped.err;
}

}  // namespace
}  // namespace heapglass
