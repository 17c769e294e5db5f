// --fail-if: an alert that can never come is an error, not a silence.

#include <gtest/gtest.h>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

class FailIf : public testing::Test {
 protected:
  void SetUp() override {
    if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
    program_ = std::make_unique<PythonProgram>(supported_interpreters().back().path, "holders.py");
  }
  Outcome run(std::vector<std::string> command) {
    command.insert(command.begin(), HEAPGLASS_PROGRAM);
    return run_command(command);
  }
  std::unique_ptr<PythonProgram> program_;
  const TemporaryFolder folder_;
};

TEST_F(FailIf, OfASnapshotEndsWithCode1AfterTheFileIsWritten) {
  const std::string file = folder_.file("a.hg");
  const Outcome exceeded = run({"snapshot", program_->target(), "-o", file, "--fail-if", "objects > 10"});
  EXPECT_EQ(exceeded.status, 1) << exceeded.err;
  EXPECT_NE(exceeded.err.find("threshold exceeded: objects"), std::string::npos) << exceeded.err;
  EXPECT_EQ(run({"info", file}).status, 0);
  const Outcome not_exceeded =
      run({"snapshot", program_->target(), "-o", file, "--fail-if", "bytes(dict) > 10GB"});
  EXPECT_EQ(not_exceeded.status, 0) << not_exceeded.err;
}

TEST_F(FailIf, OfATypeThatIsNotThereIsAnError) {
  for (const std::string command : {"snapshot", "leaks"}) {
    const std::string file = folder_.file(command);
    const Outcome typo = run({command, program_->target(), "-o", file, "--fail-if", "count(functoin) > 1"});
    EXPECT_EQ(typo.status, 2) << command << typo.err;
    EXPECT_NE(typo.err.find("there is no type 'functoin' in"), std::string::npos) << typo.err;
    EXPECT_NE(typo.err.find("function"), std::string::npos) << typo.err;
    EXPECT_NE(typo.err.find("--missing-ok takes it as 0"), std::string::npos) << typo.err;
    EXPECT_EQ(
        run({command, program_->target(), "-o", file, "--fail-if", "count(functoin) > 1", "--missing-ok"})
            .status,
        0);
  }
}

TEST_F(FailIf, OfAnOwnerThatIsNotThereIsAnError) {
  const std::string file = folder_.file("a.hg");
  ASSERT_EQ(run({"snapshot", program_->target(), "-o", file}).status, 0);
  const Outcome typo = run({"diff", file, file, "--fail-if", "owner('app.cash') > 1MB"});
  EXPECT_EQ(typo.status, 2) << typo.err;
  EXPECT_NE(typo.err.find("there is no owner 'app.cash' in"), std::string::npos) << typo.err;
  EXPECT_EQ(run({"diff", file, file, "--fail-if", "owner('app.cash') > 1MB", "--missing-ok"}).status, 0);
}

TEST_F(FailIf, OfLeaksIsBesideTheSuspects) {
  const Outcome exceeded =
      run({"leaks", program_->target(), "--format", "json", "--fail-if", "objects > 10 or pause > 1e9"});
  EXPECT_EQ(exceeded.status, 1) << exceeded.err;
  EXPECT_NE(exceeded.out.find("\"exceeded\": [\"objects"), std::string::npos) << exceeded.out.substr(0, 600);
  EXPECT_NE(exceeded.out.find("\"suspects\""), std::string::npos);
}

TEST_F(FailIf, OfGrowthTakesTwoCaptures) {
  for (const std::string command : {"snapshot", "leaks"}) {
    const Outcome outcome =
        run({command, program_->target(), "-o", folder_.file("x"), "--fail-if", "growth(rss) > 5%"});
    EXPECT_EQ(outcome.status, 2) << outcome.err;
    EXPECT_NE(outcome.err.find("between two captures, and here is one"), std::string::npos) << outcome.err;
  }
  EXPECT_EQ(
      run({"leaks", program_->target(), "--every", "1ms", "--fail-if", "growth(objects) > 1000000"}).status,
      0);
}

TEST(DiffOfTwoPrograms, SaysSoFirst) {
  if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
  const std::string python = supported_interpreters().back().path;
  const PythonProgram one(python, "holders.py"), other(python, "weak.py"), again(python, "holders.py");
  auto diff = [](const PythonProgram& a, const PythonProgram& b) {
    return run_command({HEAPGLASS_PROGRAM, "diff", a.target(), b.target()});
  };
  const Outcome different = diff(one, other);
  EXPECT_EQ(different.status, 0) << different.err;
  EXPECT_EQ(different.out.rfind("not the same program", 0), 0u) << different.out.substr(0, 400);
  EXPECT_EQ(diff(one, again).out.find("not the same program"), std::string::npos);
}

TEST(LeaksOfTwoPrograms, SaysSoFirst) {
  if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
  const std::string python = supported_interpreters().back().path;
  const PythonProgram one(python, "holders.py"), other(python, "weak.py");
  const Outcome outcome =
      run_command({HEAPGLASS_PROGRAM, "leaks", one.target(), other.target(), "--limit", "1"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out.rfind("not the same program", 0), 0u) << outcome.out.substr(0, 400);
}

// "1 more suspects".
TEST(RowsLeftOut, AreCountedInEnglish) {
  if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
  const PythonProgram program(supported_interpreters().back().path, "holders.py");
  const auto shown = [&](long most) {
    return run_command({HEAPGLASS_PROGRAM, "histogram", program.target(), "--limit", std::to_string(most)})
        .out;
  };
  const std::string one = shown(1);
  const std::size_t note = one.find(" more types: --limit 0");
  ASSERT_NE(note, std::string::npos) << one;
  const long more = std::stol(one.substr(one.rfind('\n', note) + 1));
  EXPECT_NE(shown(more).find("\n1 more type: --limit 0"), std::string::npos) << shown(more);
}

}  // namespace
}  // namespace heapglass
