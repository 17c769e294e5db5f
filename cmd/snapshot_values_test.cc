// Snapshots without values: nothing of a secret is in the file, by whatever name, and what needs no value is
// answered as by a file that has them. The file is read by testdata/read_snapshot.py, which knows it from
// FORMAT.md alone.

#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <sstream>

#include "cmd/python_program.h"

namespace heapglass {
namespace {

const std::string kReader = std::string(HEAPGLASS_SOURCE_DIR) + "/testdata/read_snapshot.py";

Outcome read_by_format(const std::string& how, const std::string& file, const std::string& secrets = "") {
  std::vector<std::string> command{"python3", "-B", kReader, how, file};
  if (!secrets.empty()) command.push_back(secrets);
  return run_command(command);
}

Outcome answer(std::vector<std::string> command, const std::string& file) {
  command.insert(command.begin() + 1, file);
  command.insert(command.begin(), HEAPGLASS_PROGRAM);
  return run_command(command);
}

// Without what tells of the look, of values, and that there are none.
std::string without_values(const std::string& text) {
  static const std::regex values("\n*this snapshot has no values: .*|\"(repr|pause_ms|notes)\": ?.*");
  return std::regex_replace(text, values, "");
}

std::vector<Interpreter> some_interpreters() {
  std::vector<Interpreter> all = supported_interpreters(), some;
  for (const Interpreter& each : all)
    if (&each == &all.front() || &each == &all.back() || each.path == "/usr/bin/python3.11")
      some.push_back(each);
  return some;
}

class WithoutValues : public testing::TestWithParam<Interpreter> {};

TEST_P(WithoutValues, NothingOfASecretIsInTheFileAndTheRestIsAnswered) {
  const TemporaryFolder folder;
  const std::string secrets = folder.file("secrets"), whole = folder.file("whole.hg"),
                    bare = folder.file("bare.hg");
  PythonProgram program(GetParam().path, "secrets.py", {secrets, "hunter2-correct-horse"});
  kill(program.pid(), SIGSTOP);
  while (program.state() != 'T') usleep(1000);
  const Outcome one = answer({"snapshot", "-o", whole}, program.target());
  ASSERT_EQ(one.status, 0) << one.err;
  const Outcome other = answer({"snapshot", "--no-values", "-o", bare}, program.target());
  ASSERT_EQ(other.status, 0) << other.err;
  kill(program.pid(), SIGCONT);

  const Outcome found = read_by_format("search", bare, secrets);
  EXPECT_EQ(found.status, 0) << found.err;
  EXPECT_EQ(found.out, "");
  // The search finds what is there.
  if (GetParam().path == supported_interpreters().back().path) {
    const Outcome with = read_by_format("search", whole, secrets);
    EXPECT_GE(std::count(with.out.begin(), with.out.end(), '\n'), 45) << with.out << with.err;
  }

  for (const std::vector<std::string>& command : {std::vector<std::string>{"histogram", "--limit", "0"},
                                                  {"objects", "--type", "module", "--limit", "0"},
                                                  {"retained", "--limit", "0", "--format", "json"},
                                                  {"path", "--type", "__main__.Account"},
                                                  {"memory", "--arenas"},
                                                  {"garbage"},
                                                  {"leaks"},
                                                  {"query", "SELECT * FROM roots"}}) {
    const Outcome with = answer(command, whole), without = answer(command, bare);
    EXPECT_EQ(with.status, 0) << command.front() << with.err;
    EXPECT_EQ(without.status, 0) << command.front() << without.err;
    EXPECT_EQ(without_values(without.out), without_values(with.out)) << command.front();
  }
  const Outcome shown = answer({"objects", "--type", "__main__.Account", "--paths"}, bare);
  EXPECT_NE(shown.out.find("this snapshot has no values"), std::string::npos) << shown.out << shown.err;
  const Outcome numbers = answer({"objects", "--type", "int", "--limit", "0"}, bare);
  EXPECT_FALSE(std::regex_search(numbers.out, std::regex("(yes|no)  -?[0-9]"))) << numbers.out.substr(0, 500);
  const Outcome locals = answer({"stacks", "--locals"}, bare);
  EXPECT_NE(locals.out.find("cookie = <str object at 0x"), std::string::npos) << locals.out;
  EXPECT_EQ(answer({"info"}, bare).out.find("hunter2"), std::string::npos);
}

TEST_P(WithoutValues, AReaderMadeFromTheDescriptionCountsTheSame) {
  const TemporaryFolder folder;
  PythonProgram program(GetParam().path, "holders.py");
  for (const std::vector<std::string>& options : {std::vector<std::string>{}, {"--no-values"}}) {
    const std::string file = folder.file("moment.hg");
    std::vector<std::string> command{"snapshot", "-o", file};
    command.insert(command.end(), options.begin(), options.end());
    const Outcome taken = answer(command, program.target());
    ASSERT_EQ(taken.status, 0) << taken.err;
    const Outcome all = read_by_format("check", file);
    EXPECT_EQ(all.status, 0) << all.err;
    const Outcome counted = read_by_format("histogram", file);
    ASSERT_EQ(counted.status, 0) << counted.err;
    std::map<std::string, std::string> by_format, by_heapglass;
    std::istringstream lines(counted.out);
    for (std::string count, bytes, name; lines >> count >> bytes && std::getline(lines, name);)
      by_format[name.substr(1)] = count + " " + bytes;
    const Outcome table = answer({"histogram", "--limit", "0", "--format", "json"}, file);
    const std::regex row("\"type\": \"([^\"]*)\", \"count\": (\\d+), \"bytes\": (\\d+)");
    for (std::sregex_iterator at(table.out.begin(), table.out.end(), row), end; at != end; ++at)
      by_heapglass[at->str(1)] = at->str(2) + " " + at->str(3);
    EXPECT_GT(by_heapglass.size(), 50u) << table.out.substr(0, 1000);
    EXPECT_EQ(by_format, by_heapglass);
  }
}

INSTANTIATE_TEST_SUITE_P(Live, WithoutValues, testing::ValuesIn(some_interpreters()), [](const auto& each) {
  return std::regex_replace(each.param.name, std::regex("[^A-Za-z0-9]"), "_");
});
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(WithoutValues);

}  // namespace
}  // namespace heapglass
