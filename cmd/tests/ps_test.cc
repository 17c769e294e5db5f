// heapglass ps lists the Python processes that there are, and a target can be named by a part of its command.

#include <gtest/gtest.h>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

// The line of a process in `ps --format csv`, its fields by the header's names.
std::map<std::string, std::string> row_of(const std::string& csv, const std::string& pid) {
  auto fields = [](const std::string& line) {
    std::vector<std::string> out;
    std::string field;
    bool quoted = false;
    for (const char c : line) {
      if (c == '"') {
        quoted = !quoted;
      } else if (c == ',' && !quoted) {
        out.push_back(field);
        field.clear();
      } else if (c != '\r') {
        field += c;
      }
    }
    out.push_back(field);
    return out;
  };
  std::istringstream lines(csv);
  std::string line;
  std::getline(lines, line);
  const std::vector<std::string> names = fields(line);
  while (std::getline(lines, line)) {
    const std::vector<std::string> values = fields(line);
    std::map<std::string, std::string> row;
    for (std::size_t i = 0; i < std::min(names.size(), values.size()); ++i) row[names[i]] = values[i];
    if (row["pid"] == pid) return row;
  }
  return {};
}

Outcome ps() { return run_command({HEAPGLASS_PROGRAM, "ps", "--format", "csv"}); }

TEST(Ps, NamesEveryInterpreterOfThisMachine) {
  if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
  for (const Interpreter& each : all_interpreters()) {
    const PythonProgram program(each.path, "holders.py");
    const Outcome outcome = ps();
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    auto row = row_of(outcome.out, program.target());
    ASSERT_FALSE(row.empty()) << each.path << "\n" << outcome.out;
    // 3.13.0rc2 and the like are told by their numbers.
    const std::string numbers = each.version.substr(0, each.version.find_first_not_of("0123456789."));
    EXPECT_EQ(row["python"].rfind("CPython " + numbers, 0), 0u) << each.version << ": " << row["python"];
    EXPECT_EQ(row["python"].find("(debug)") != std::string::npos, each.build == "debug") << row["python"];
    EXPECT_EQ(row["reads"], each.read ? "true" : "false") << each.path;
    EXPECT_NE(row["command"].find("holders.py"), std::string::npos);
    EXPECT_EQ(row["ppid"], std::to_string(getpid()));
    EXPECT_GT(std::stoull(row["rss"]), 1u << 20);
    EXPECT_GT(std::stoull(row["pss"]), 1u << 20);
    EXPECT_EQ(row["threads"], "1");
    EXPECT_LT(std::stoull(row["age_seconds"]), 600u);
  }
}

TEST(Ps, HasNoRowForWhatIsNoPython) {
  const ChildProcess sleeper({"sleep", "60"}, {});
  const Outcome outcome = ps();
  EXPECT_EQ(outcome.status, 0);
  EXPECT_TRUE(row_of(outcome.out, std::to_string(sleeper.pid())).empty()) << outcome.out;
}

TEST(Ps, StoppedIsAState) {
  if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
  const PythonProgram program(supported_interpreters().back().path, "holders.py");
  kill(program.pid(), SIGSTOP);
  while (program.state() != 'T') usleep(1000);
  EXPECT_EQ(row_of(ps().out, program.target())["state"], "stopped");
}

TEST(TargetByName, IsTheOnlyProcessWithThatInItsCommand) {
  if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
  const std::string python = supported_interpreters().back().path, word = "only-" + std::to_string(getpid());
  const PythonProgram one(python, "holders.py", {word + "-one"});
  const PythonProgram other(python, "holders.py", {word + "-other"});
  const Outcome found = run_command({HEAPGLASS_PROGRAM, "info", "@" + word + "-one", "--format", "json"});
  EXPECT_EQ(found.status, 0) << found.err;
  EXPECT_NE(found.out.find("\"pid\": " + one.target()), std::string::npos) << found.out;
  const Outcome several = run_command({HEAPGLASS_PROGRAM, "info", "@" + word});
  EXPECT_EQ(several.status, 2) << several.out;
  EXPECT_NE(several.err.find("stands for 2 processes"), std::string::npos) << several.err;
  EXPECT_NE(several.err.find(one.target() + " ("), std::string::npos) << several.err;
  EXPECT_NE(several.err.find(other.target() + " ("), std::string::npos) << several.err;
  const Outcome none = run_command({HEAPGLASS_PROGRAM, "info", "@" + word + "-nobody"});
  EXPECT_EQ(none.status, 2);
  EXPECT_NE(none.err.find("no process that heapglass reads has"), std::string::npos) << none.err;
}

// sh -c, tini, launchers: what was meant is the child.
TEST(Refusal, OfAShellNamesItsPythonChild) {
  if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
  const TemporaryFolder folder;
  const std::string ready = folder.file("pid");
  const ChildProcess shell({"sh", "-c",
                            supported_interpreters().back().path +
                                " -c 'import os, sys, time; f = open(sys.argv[1] + \".new\", \"w\"); "
                                "f.write(str(os.getpid())); f.close(); os.rename(sys.argv[1] + \".new\", "
                                "sys.argv[1]); time.sleep(60)' '" +
                                ready + "'; true"},
                           {});
  std::string child;
  for (int i = 0; i < 1000 && child.empty(); ++i) {
    std::ifstream(ready) >> child;
    usleep(10'000);
  }
  ASSERT_FALSE(child.empty());
  const Outcome outcome = run_command({HEAPGLASS_PROGRAM, "histogram", std::to_string(shell.pid())});
  EXPECT_EQ(outcome.status, 4) << outcome.err;
  EXPECT_NE(outcome.err.find("no CPython in process"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("its child " + child + " ("), std::string::npos) << outcome.err;
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  kill(std::stoi(child), SIGKILL);
}

}  // namespace
}  // namespace heapglass
