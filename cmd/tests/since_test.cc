// heapglass since: from which snapshot on an owner or type is there and grows, of programs of which that is
// known.
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

namespace fs = std::filesystem;

class SinceOf : public testing::TestWithParam<Interpreter> {
 protected:
  void take(const PythonProgram& program, const std::string& name, bool has_values = false) {
    files_.push_back(folder_.file(name));
    std::vector<std::string> command{HEAPGLASS_PROGRAM, "snapshot", program.target(), "-o", files_.back()};
    if (!has_values) command.emplace_back("--no-values");
    const Outcome saved = run_command(command);
    ASSERT_EQ(saved.status, 0) << saved.err;
  }
  Outcome since(std::vector<std::string> options) const {
    std::vector<std::string> command{HEAPGLASS_PROGRAM, "since"};
    // The order on the command line is not that of time.
    command.insert(command.end(), files_.rbegin(), files_.rend());
    command.insert(command.end(), options.begin(), options.end());
    return run_command(command);
  }
  const TemporaryFolder folder_;
  std::vector<std::string> files_;
};

// Against what the program did, and what histogram and diff say of the very files.
constexpr char kChecks[] = R"py(
import json, os, subprocess, sys

heapglass, grown, *files = sys.argv[1:]
grown = int(grown)

def command(*words):
    return json.loads(subprocess.run([heapglass, *words, "--format", "json"], check=True, stdout=subprocess.PIPE).stdout)

halved = command("since", *reversed(files), "--owner", "__main__.cache")
whole = command("since", *files, "--owner", "__main__.cache", "--all")
kind = command("since", *files, "--type", "Session")
assert whole["opened"] == whole["captures"] == len(files) > halved["opened"] <= 21, (halved["opened"], whole["opened"])
for answer in (halved, whole, kind):
    growth = answer["growth"]
    # Snapshots of a busy machine come at odd times: whether the change is sure depends on them.
    assert growth["change"] in ("rate", "step", "none"), growth
    assert growth["since"]["file"] == files[grown], (growth, files[grown])
    assert growth["last_before"]["file"] == files[grown - 1], growth
    assert growth["bytes_per_hour"] > 0 and not growth["bytes_per_hour_before"], growth
    assert answer["there"]["since"]["file"] == files[0] and answer["there"]["last_before"] is None, answer["there"]
    for row in answer["looked_at"]:
        assert row["file"] == files[row["capture"]]
# The type's figures are those of histogram and diff, the owner's entries those that were put in.
for row in kind["looked_at"]:
    [said] = command("histogram", row["file"], "--type", "__main__.Session")["types"]
    assert row["objects"] == said["count"], (row, said)
    if row["capture"] >= grown:
        [said] = [each for each in command("diff", files[0], row["file"], "--limit", "0")["types"] if each["type"] == "__main__.Session"]
        assert row["bytes"] == said["bytes_after"], (row, said)
for row in whole["looked_at"]:
    assert row["entries"] == 1000 + 100 * max(0, row["capture"] - grown + 1), row
# The rate lies between the slowest and the fastest step after the change.
rows = whole["looked_at"]
first, last = rows[grown], rows[-1]
[owner] = [row for row in command("diff", first["file"], last["file"], "--limit", "0")["owners"] if row["path"] == "__main__.cache"]
assert owner["bytes_delta"] == last["bytes"] - first["bytes"], (owner, first, last)
print("checked")
)py";

TEST_P(SinceOf, GrowthBeginsWhereItDid) {
  PythonProgram program(GetParam().path, "leaks/dict_cache.py");
  constexpr int kFiles = 24, kGrown = 13;
  for (int i = 0; i < kFiles; ++i) {
    if (i >= kGrown) {
      ASSERT_EQ(program.ask("100"), "DONE");
    }
    ASSERT_NO_FATAL_FAILURE(take(program, "s" + std::to_string(i) + ".hg"));
  }
  std::vector<std::string> command{"python3", "-c", kChecks, HEAPGLASS_PROGRAM, std::to_string(kGrown)};
  command.insert(command.end(), files_.begin(), files_.end());
  const Outcome checked = run_command(command);
  EXPECT_EQ(checked.out, "checked\n") << checked.err;

  const Outcome text = since({"--owner", "__main__.cache"});
  EXPECT_EQ(text.status, 0) << text.err;
  EXPECT_TRUE(std::regex_search(
      text.out, std::regex("grows +(by|at once)[^\n]*s1[23].hg [^\n]*last before[^\n]*s1[23].hg")))
      << text.out;
  EXPECT_NE(text.out.find("found by halving"), std::string::npos) << text.out;
  const Outcome csv = since({"--type", "Session", "--format", "csv"});
  EXPECT_NE(csv.out.find("s13.hg"), std::string::npos) << csv.out;

  const Outcome least = since({"--type", "Session", "--min-bytes", "100000", "--format", "json"});
  EXPECT_EQ(least.status, 0) << least.err;
  EXPECT_EQ(least.out.find("\"there\": {\"since\": {\"file\": \"" + files_[0]), std::string::npos)
      << least.out;

  // What is not there, and what is no series.
  const auto refused = [](const Outcome& outcome, int status, const std::string& says) {
    EXPECT_EQ(outcome.status, status) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_NE(outcome.err.find(says), std::string::npos) << outcome.err;
  };
  refused(since({"--owner", "__main__.cash"}), 2, "there is no owner '__main__.cash' in any of 1");
  refused(since({"--owner", "__main__.cachee", "--all"}), 2, "did you mean __main__.cache");
  refused(since({"--type", "Sesion", "--all"}), 2, "no object of type 'Sesion' in any of the 24 snapshots");
  refused(since({}), 2, "needs --owner or --type");
  refused(since({"--owner", "a", "--type", "b"}), 2, "one of them");
  refused(run_command({HEAPGLASS_PROGRAM, "since", files_[0], "--type", "Session"}), 2,
          "there is one snapshot");
  refused(run_command({HEAPGLASS_PROGRAM, "since", files_[0], program.target(), "--type", "Session"}), 2,
          "is no snapshot");
  refused(run_command({HEAPGLASS_PROGRAM, "since", files_[0], files_[1], files_[0], "--type", "Session"}), 2,
          "are of one moment");
  fs::resize_file(files_[7], fs::file_size(files_[7]) - 3);
  refused(since({"--type", "Session"}), 5, "'s7.hg': it is cut");
}

TEST_P(SinceOf, AnotherProgramIsSaidFirst) {
  // Without values a command line is cut behind the program.
  PythonProgram program(GetParam().path, "leaks/dict_cache.py"), other(GetParam().path, "leaks/handlers.py");
  ASSERT_NO_FATAL_FAILURE(take(program, "a.hg", true));
  ASSERT_NO_FATAL_FAILURE(take(other, "b.hg", true));
  ASSERT_NO_FATAL_FAILURE(take(other, "c.hg", true));
  const Outcome text = since({"--type", "Widget"});
  EXPECT_EQ(text.status, 0) << text.err;
  EXPECT_EQ(text.out.rfind("not the same program", 0), 0u) << text.out;
  EXPECT_NE(text.out.find("b.hg ("), std::string::npos) << text.out;
  EXPECT_NE(text.out.find("are of 2 processes"), std::string::npos) << text.out;
}

INSTANTIATE_TEST_SUITE_P(Live, SinceOf, testing::ValuesIn(interpreters_of_the_day("SinceOf")),
                         InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SinceOf);

}  // namespace
}  // namespace heapglass
