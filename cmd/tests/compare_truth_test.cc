// heapglass_compare_truth, on which every test of exactness depends: it sees each fault that is planted.

#include <gtest/gtest.h>

#include <regex>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(file)), {});
}

// An export and the truth of one program, which agree.
class CompareTruth : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (supported_interpreters().empty()) return;
    folder_ = std::make_unique<TemporaryFolder>();
    const PythonProgram target(supported_interpreters().back().path, "own_sizes.py",
                               {"--truth", folder_->file("truth")});
    ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "export", target.target(), "--format", "jsonl", "-o",
                           folder_->file("exported")})
                  .status,
              0);
    exported_ = contents(folder_->file("exported"));
    line_ = line();
  }
  static void TearDownTestSuite() { folder_.reset(); }
  void SetUp() override {
    if (exported_.empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
  }

  static Outcome compared(const std::string& exported, const std::vector<std::string>& options = {}) {
    std::ofstream(folder_->file("changed"), std::ios::binary) << exported;
    std::vector<std::string> command{HEAPGLASS_COMPARE_TRUTH, folder_->file("changed"),
                                     folder_->file("truth")};
    command.insert(command.end(), options.begin(), options.end());
    return run_command(command);
  }
  // The line of an object of the program's own that has several references, and not very many.
  static std::string line() {
    std::istringstream lines(exported_);
    for (std::string each; std::getline(lines, each);) {
      const std::size_t references = each.find("\"refs\":[");
      if (each.find("\"type\":\"__main__") != std::string::npos &&
          each.find(',', references) != std::string::npos && each.size() < 400)
        return each + "\n";
    }
    return {};
  }
  // With that line changed.
  static std::string with(const std::string& changed) {
    std::string text = exported_;
    return text.replace(text.find(line_), line_.size(), changed);
  }
  static std::string replaced(const char* what, const char* by) {
    const std::string changed =
        std::regex_replace(line_, std::regex(what), by, std::regex_constants::format_first_only);
    EXPECT_NE(changed, line_) << what;
    return with(changed);
  }

  static std::unique_ptr<TemporaryFolder> folder_;
  static std::string exported_, line_;
};
std::unique_ptr<TemporaryFolder> CompareTruth::folder_;
std::string CompareTruth::exported_, CompareTruth::line_;

TEST_F(CompareTruth, AgreesWithWhatIsRight) {
  const Outcome outcome = compared(exported_);
  EXPECT_EQ(outcome.status, 0) << outcome.out << outcome.err;
  EXPECT_TRUE(std::regex_search(outcome.out, std::regex("of [0-9]{4,} objects and [0-9]{5,} references: ")))
      << outcome.out;
}

TEST_F(CompareTruth, SeesEachFault) {
  ASSERT_FALSE(line_.empty());
  const std::pair<const char*, std::string> kFaults[] = {
      {"missing: 0x", with("")},
      {"twice: 0x", with(line_ + line_)},
      {"type: 0x", replaced("__main__", "__main_")},
      {"size: 0x", replaced("\"size\":", "\"size\":1")},
      {"gc: 0x", replaced("\"gc\":true", "\"gc\":false")},
      {"lost: 0x", replaced("\"refs\":\\[[0-9]+,", "\"refs\":[")},
      {"added: 0x", replaced("\"refs\":\\[([0-9]+),", "\"refs\":[$1,$1,")},
      {"added: 0x", replaced("\"refs\":\\[", "\"refs\":[16,")},
      {"refcount: 0x", replaced("\"refcount\":", "\"refcount\":9")}};
  for (const auto& [says, changed] : kFaults) {
    const Outcome outcome = compared(changed);
    EXPECT_NE(outcome.out.find(std::string("\n    ") + says), std::string::npos) << says << outcome.out;
    // One count in thousands may be another.
    EXPECT_EQ(outcome.status, says == std::string("refcount: 0x") ? 0 : 1) << says;
  }
  // One in the place of another is two faults.
  const std::string instead = replaced("\"refs\":\\[[0-9]+,", "\"refs\":[16,");
  EXPECT_EQ(compared(instead, {"--allow", "1"}).status, 1);
  EXPECT_EQ(compared(instead, {"--allow", "2"}).status, 0);
  // Every count wrong.
  std::string counts;
  const std::string key = "\"refcount\":";
  std::size_t done = 0;
  for (std::size_t at = 0; (at = exported_.find(key, done)) != std::string::npos; done = at) {
    at += key.size();
    counts += exported_.substr(done, at - done) + "99";
  }
  counts += exported_.substr(done);
  EXPECT_EQ(compared(counts).status, 1);
}

TEST_F(CompareTruth, TakesNoFileThatIsCutOrWrong) {
  for (const std::string& text :
       {std::string(), exported_.substr(0, exported_.size() - 1),
        exported_.substr(0, exported_.find('\n') + 1), replaced("\"refs\":\\[", "\"refs\":[,"),
        replaced("\"id\":", "\"id\":x"), replaced("\"size\":[0-9]+,", ""),
        replaced("\"gc\":true", "\"gc\":1"), replaced("__main__", "\xff__main__"), exported_ + "{}\n"}) {
    const Outcome outcome = compared(text);
    EXPECT_EQ(outcome.status, 2) << outcome.out << outcome.err;
  }
  const std::string truth = contents(folder_->file("truth"));
  for (const std::size_t size : {truth.size() - 1, truth.size() - 8, truth.size() - 16, truth.size() / 2}) {
    std::ofstream(folder_->file("cut"), std::ios::binary) << truth.substr(0, size);
    EXPECT_EQ(run_command({HEAPGLASS_COMPARE_TRUTH, folder_->file("exported"), folder_->file("cut")}).status,
              2);
  }
}

// A name that only the interpreter's table held may go, and another object have its place; one that the table
// still has may not.
TEST(CompareTruthOfNames, OneThatWentIsNoFault) {
  const TemporaryFolder folder;
  const std::string truth = folder.file("truth"), exported = folder.file("exported");
  std::ofstream out(truth, std::ios::binary);
  const auto words = [&](const std::vector<std::int64_t>& numbers) {
    for (const std::int64_t number : numbers)
      out.write(reinterpret_cast<const char*>(&number), sizeof number);
  };
  out << "heapglass truth 1, Python 3.14.0\n";
  words({1, 1, 13});
  out << "builtins.dict";
  words({1, 2, 12});
  out << "builtins.str";
  words({2, 2, 2, 1, 16, 32, 1, 2, 64, 59, 3, 3, 1, 0});
  out << std::string({1, 0});
  words({32, 3, 0, 4, 2});
  out.close();
  const auto compared = [&](const std::string& references, const std::string& size) {
    std::ofstream(exported)
        << R"({"kind":"object","id":16,"type":"builtins.dict","size":64,"refcount":1,"gc":true,"refs":[)"
        << references << "]}\n"
        << R"({"kind":"object","id":32,"type":"builtins.str","size":)" << size
        << R"(,"refcount":1,"gc":false,"refs":[]})"
        << "\n";
    return run_command({HEAPGLASS_COMPARE_TRUTH, exported, truth}).status;
  };
  EXPECT_EQ(compared("32", "59"), 0);
  EXPECT_EQ(compared("", "51"), 0);
  EXPECT_EQ(compared("32", "51"), 1);
  EXPECT_EQ(compared("", "59"), 1);
}

}  // namespace
}  // namespace heapglass
