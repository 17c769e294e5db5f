// --max-memory: the answer, or one line and exit code 3, whatever the limit; never an abort and never half a
// file.
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

namespace fs = std::filesystem;

class MaxMemory : public testing::Test {
 protected:
  void SetUp() override {
    if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
    target_ = std::make_unique<PythonProgram>(supported_interpreters().back().path, "big.py");
  }
  TemporaryFolder folder_;
  std::unique_ptr<PythonProgram> target_;
};

TEST_F(MaxMemory, EveryLimitGivesTheAnswerOrOneLine) {
  for (const std::string command : {"histogram", "leaks", "memory", "snapshot", "stacks"}) {
    int answered = 0, refused = 0;
    for (const int megabytes : {0, 1, 12, 20, 28, 36, 48, 64, 90, 130, 180, 250, 400, 1500}) {
      const std::string file = folder_.file(command + std::to_string(megabytes));
      const Outcome outcome = run_command({HEAPGLASS_PROGRAM, command, target_->target(), "--max-memory",
                                           std::to_string(megabytes * 1000 + 500) + "kB", "-o", file});
      if (outcome.status == 0) {
        EXPECT_GT(fs::file_size(file), 0u);
        ++answered;
        continue;
      }
      EXPECT_EQ(outcome.status, 3) << command << " with " << megabytes << " MB: " << outcome.err;
      EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
      EXPECT_FALSE(fs::exists(file));
      ++refused;
    }
    EXPECT_GT(answered, 0) << command;
    EXPECT_GT(refused, 0) << command;
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()),
            std::count_if(fs::directory_iterator(folder_.path()), fs::directory_iterator(),
                          [](const auto& each) { return each.path().filename().string().front() != '.'; }))
      << "an unfinished file is left";
}

TEST_F(MaxMemory, WhatCanBeSeenBeforeIsRefusedBeforeTheStop) {
  const Outcome outcome =
      run_command({HEAPGLASS_PROGRAM, "histogram", target_->target(), "--max-memory", "80MB"});
  EXPECT_EQ(outcome.status, 3);
  EXPECT_NE(outcome.err.find("too little memory for a copy of process"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("the limit of heapglass (--max-memory, ulimit -d) has"), std::string::npos)
      << outcome.err;
  EXPECT_NE(outcome.err.find("the process was not stopped"), std::string::npos) << outcome.err;
}

TEST_F(MaxMemory, LessThanHeapglassItselfTakesIsRefusedWithAnEstimate) {
  for (const std::string size : {"1B", "1MB", "12MB"}) {
    const Outcome outcome =
        run_command({HEAPGLASS_PROGRAM, "histogram", target_->target(), "--max-memory", size});
    EXPECT_EQ(outcome.status, 3) << size;
    EXPECT_TRUE(std::regex_search(outcome.err, std::regex("^heapglass: --max-memory is too little: heapglass "
                                                          "takes [0-9.]+ MB for itself, and then a copy")))
        << outcome.err;
  }
  // A big target's own memory is known before its programs are read.
  const Outcome outcome =
      run_command({HEAPGLASS_PROGRAM, "histogram", target_->target(), "--max-memory", "40MB"});
  EXPECT_EQ(outcome.status, 3);
  EXPECT_TRUE(std::regex_search(outcome.err, std::regex("too little memory for a copy of process [0-9]+: "
                                                        "[0-9.]+ MB of it are its own")))
      << outcome.err;
}

TEST_F(MaxMemory, ASizeHasAUnit) {
  for (const std::string size : {"500", "0MB", "-1MB", "many", "1e3MB", "9999999TB"}) {
    const Outcome outcome =
        run_command({HEAPGLASS_PROGRAM, "histogram", target_->target(), "--max-memory", size});
    EXPECT_EQ(outcome.status, 2) << outcome.err;
    EXPECT_NE(outcome.err.find("invalid --max-memory '" + size + "'"), std::string::npos) << outcome.err;
  }
}

}  // namespace
}  // namespace heapglass
