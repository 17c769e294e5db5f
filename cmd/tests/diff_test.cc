// What diff says became more is what the program made.

#include <gtest/gtest.h>

#include "cmd/tests/live_results.h"
#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

// heapglass diff of a process, that what is done meanwhile lies between its looks.
class Between {
 public:
  explicit Between(std::vector<std::string> command) {
    int err[2];
    if (pipe(err) != 0) throw std::runtime_error("no pipe");
    fcntl(err[0], F_SETFD, FD_CLOEXEC);
    command.push_back("--verbose");
    child_ = std::make_unique<ChildProcess>(command, ChildProcess::Streams{-1, -1, err[1]});
    close(err[1]);
    err_ = err[0];
  }
  ~Between() { close(err_); }
  // Waits until one more look was taken: --verbose says a line of each.
  bool looked() { return told("graph of "); }
  bool told(const std::string& wanted) {
    std::string line;
    for (char byte = 0;;) {
      pollfd ready{err_, POLLIN, 0};
      if (poll(&ready, 1, 60000) != 1 || read(err_, &byte, 1) != 1) return false;
      line += byte;
      if (byte != '\n') continue;
      if (line.find(wanted) != std::string::npos) return true;
      line.clear();
    }
  }
  int finish() { return child_->wait(std::chrono::seconds(60)); }

 private:
  std::unique_ptr<ChildProcess> child_;
  int err_ = -1;
};

std::string python_says(const std::string& code, const std::vector<std::string>& arguments) {
  std::vector<std::string> command{"python3", "-c", code};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const Outcome outcome = run_command(command);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  return outcome.out;
}

// The oldest, the system's and the newest: what differs by version are layouts, which other tests hold.
class DiffOf : public testing::TestWithParam<Interpreter> {
 protected:
  TemporaryFolder folder_;
};

TEST_P(DiffOf, TellsWhatGrewAndWhoseItIs) {
  PythonProgram target(GetParam().path, "growing.py");
  const std::string file = folder_.file("diff.json");
  Between diff({HEAPGLASS_PROGRAM, "diff", target.target(), "--every", "400ms", "--limit", "0", "--format",
                "json", "-o", file, "--fail-if",
                "growth(entries('__main__.cache')) >= 700 and growth(count(Session)) > 1399"});
  ASSERT_TRUE(diff.looked());
  ASSERT_EQ(target.ask("grow 700"), "OK");
  const std::string reused = target.ask("swap");
  ASSERT_TRUE(diff.told("threshold exceeded: growth(entries(__main__.cache)) (700) >= 700"));
  EXPECT_EQ(diff.finish(), 1);
  EXPECT_EQ(python_says(R"py(
import json, sys
diff = json.load(open(sys.argv[1]))
types = {row["type"]: row for row in diff["types"]}
owners = {row["path"]: row for row in diff["owners"]}
session = types["__main__.Session"]
print(session["count_delta"], session["new"], session["gone"])
for path in "__main__.cache", "__main__.log", "__main__.bus.handlers":
    print(path, owners[path]["what"], owners[path]["entries_delta"])
print(owners["__main__.log"]["count_delta"], "entries are text")
# Everything is somebody's.
for key in "count_delta", "bytes_delta":
    assert sum(row[key] for row in diff["owners"]) == diff["total"][key] == sum(row[key] for row in diff["types"]), key
identity = diff["identity"]
assert identity["new"] - identity["gone"] == diff["total"]["count_delta"]
# Other texts at addresses that had one are no old texts.
assert types["builtins.str"]["gone"] >= 1000, types["builtins.str"]
assert identity["addresses_reused"] >= int(sys.argv[2]) * 0.99, (identity, sys.argv[2])
)py",
                        {file, reused}),
            "1400 1400 0\n"
            "__main__.cache dict 700\n"
            "__main__.log list 700\n"
            "__main__.bus.handlers list 700\n"
            "700 entries are text\n");
}

TEST_P(DiffOf, SurvivorsAreThoseThatStay) {
  PythonProgram target(GetParam().path, "growing.py");
  const std::string file = folder_.file("diff.json");
  Between diff({HEAPGLASS_PROGRAM, "diff", target.target(), "--survivors", "--every", "400ms", "--times", "3",
                "--limit", "0", "--format", "json", "-o", file});
  ASSERT_TRUE(diff.looked());
  ASSERT_EQ(target.ask("grow 300"), "OK");
  ASSERT_EQ(target.ask("make 500"), "OK");
  ASSERT_TRUE(diff.looked());
  ASSERT_EQ(target.ask("drop"), "OK");
  ASSERT_EQ(target.ask("grow 50"), "OK");  // too late to be a survivor
  EXPECT_EQ(diff.finish(), 0);
  EXPECT_EQ(python_says(R"py(
import json, sys
diff = json.load(open(sys.argv[1]))
types = {row["type"]: row["count"] for row in diff["types"]}
owners = {row["path"]: row["count"] for row in diff["owners"]}
print(types.get("__main__.Session"), types.get("__main__.Passing"), owners["__main__.log"])
assert sum(types.values()) == sum(owners.values()) == diff["survivors"]["survived"]
)py",
                        {file}),
            "600 None 300\n");
}

INSTANTIATE_TEST_SUITE_P(Live, DiffOf, testing::ValuesIn(few_interpreters()),
                         [](const auto& each) { return as_identifier(each.param.name); });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(DiffOf);

}  // namespace
}  // namespace heapglass
