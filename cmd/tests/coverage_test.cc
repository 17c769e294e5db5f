// What CI covered before it has to cover again: scripts/coverage by scripts/expected-coverage.

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <sstream>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

class Coverage : public testing::Test {
 protected:
  // Results as a run leaves them that covers all that is expected.
  void SetUp() override {
    std::filesystem::create_directory(folder_.file("results"));
    std::ofstream pythons(folder_.file("pythons"));
    std::ifstream expected(kScripts + "expected-coverage");
    std::map<std::string, std::string> names;  // by minor version
    for (std::string line; std::getline(expected, line);) {
      std::istringstream words(line);
      std::string what, version, build, linkage, symbols;
      words >> what;
      if (what == "python") {
        words >> version >> build >> linkage >> symbols;
        pythons << version << ".1\t" << build << "\t/somewhere\t" << linkage << "\t" << symbols << "\tyes\n";
        names[version] = version + ".1-" + build + "-" + linkage + "-" + symbols;
        result(names[version], "any.py", "passed");
      } else if (what == "kind" || what == "situation") {
        const std::size_t named = line.rfind(" = ") + 3, minors = line.rfind(": ");
        words = std::istringstream(line.substr(minors + 2));
        while (words >> version) result(names.at(version), line.substr(named, minors - named), "passed");
        last_ = names.at(version) + "--" + line.substr(named, minors - named);
      }
    }
  }
  void result(const std::string& interpreter, const std::string& what, const std::string& text) {
    std::ofstream(folder_.file("results/" + interpreter + "--" + what)) << text << "\n";
  }
  Outcome coverage(const std::vector<std::string>& options = {}) {
    std::vector<std::string> command{kScripts + "coverage", folder_.file("pythons"), folder_.file("results")};
    command.insert(command.end(), options.begin(), options.end());
    return run_command(command);
  }
  TemporaryFolder folder_;
  std::string last_;  // the result of the last line that expects one
};

TEST_F(Coverage, IsEnoughWhereNothingIsMissing) {
  const Outcome outcome = coverage({"--ci"});
  EXPECT_EQ(outcome.status, 0) << outcome.out << outcome.err;
}

TEST_F(Coverage, FailsInCiAloneWhereSomethingIsMissing) {
  std::filesystem::remove(folder_.file("results/" + last_));
  EXPECT_EQ(coverage({"--ci"}).status, 1);
  const Outcome plain = coverage();
  EXPECT_EQ(plain.status, 0) << plain.err;
  EXPECT_NE(plain.out.find("Covered in CI, and not here"), std::string::npos) << plain.out;
}

TEST_F(Coverage, WhatPrivilegesForbidIsToldAndNoError) {
  std::ofstream(folder_.file("results/" + last_)) << "skipped\nno privileges for it\n";
  const Outcome outcome = coverage({"--ci"});
  EXPECT_EQ(outcome.status, 0) << outcome.out << outcome.err;
  EXPECT_NE(outcome.out.find("no privileges for it"), std::string::npos);
}

TEST_F(Coverage, FailsInCiWithoutAnInterpreter) {
  std::ofstream(folder_.file("pythons")) << "3.11.1\trelease\t/somewhere\tstatic\tstripped\tyes\n";
  EXPECT_EQ(coverage({"--ci"}).status, 1);
}

}  // namespace
}  // namespace heapglass
