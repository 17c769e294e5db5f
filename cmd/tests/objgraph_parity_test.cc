// objgraph inside the process, heapglass outside: the same pictures, the same tables. What is drawn is in
// testdata/programs/objgraph_examples.py, how it is compared in compare_dot.py.

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <thread>

#include "cmd/tests/file_contents.h"
#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

// The folder that has objgraph; empty, with the reason, where it cannot be had.
const std::string& objgraph_folder(std::string& why) {
  static const Outcome outcome = run_command({kScripts + "fetch-objgraph"});
  static const std::string folder =
      outcome.status == 0 ? outcome.out.substr(0, outcome.out.find('\n')) : std::string();
  why = outcome.err;
  return folder;
}

class BesideObjgraph : public testing::TestWithParam<Interpreter> {};

TEST_P(BesideObjgraph, DrawsAndCountsTheSame) {
  std::string why;
  const std::string& objgraph = objgraph_folder(why);
  if (objgraph.empty()) GTEST_SKIP() << "objgraph cannot be had here: " << why;
  const TemporaryFolder folder;
  PythonProgram target(GetParam().path, "objgraph_examples.py", {objgraph, folder.path()});

  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    if (entry.path().extension() != ".args") continue;
    std::ifstream lines(entry.path());
    std::vector<std::string> command{HEAPGLASS_PROGRAM};
    for (std::string word; std::getline(lines, word);) command.push_back(word);
    command.insert(command.begin() + 2, target.target());
    command.insert(command.end(), {"--style", "objgraph", "-o",
                                   folder.file(entry.path().stem().string() + ".heapglass.dot")});
    const Outcome outcome = run_command(command);
    ASSERT_EQ(outcome.status, 0) << entry.path().stem() << ": " << outcome.err;
  }
  const Outcome verdict = run_command({"python3", "-B", kPrograms + "compare_dot.py", folder.path()});
  EXPECT_EQ(verdict.status, 0) << verdict.out << verdict.err;
  std::cout << GetParam().version << ": " << verdict.out.substr(0, 200);

  const Outcome types = run_command({HEAPGLASS_PROGRAM, "histogram", target.target(), "--style", "objgraph"});
  EXPECT_EQ(types.out, contents(folder.file("types.txt"))) << types.err;
  const Outcome with_modules = run_command(
      {HEAPGLASS_PROGRAM, "histogram", target.target(), "--style", "objgraph", "--longnames", "-n", "25"});
  EXPECT_EQ(with_modules.out, contents(folder.file("types-long.txt"))) << with_modules.err;
}

// objgraph.show_growth inside, diff --style growth outside, both before and after the program has grown.
TEST_P(BesideObjgraph, SeesTheSameGrowth) {
  std::string why;
  const std::string& objgraph = objgraph_folder(why);
  if (objgraph.empty()) GTEST_SKIP() << "objgraph cannot be had here: " << why;
  PythonProgram target(GetParam().path, "objgraph_growth.py", {objgraph});
  const TemporaryFolder folder;
  const std::string told_in = folder.file("growth.txt");
  std::ofstream(told_in).close();
  Outcome outcome;
  std::thread watching([&] {
    outcome = run_command({HEAPGLASS_PROGRAM, "diff", target.target(), "--style", "growth", "--limit", "0",
                           "--every", "2s", "--times", "2"},
                          "", told_in);
  });
  // What it says of its first sample is there when that was taken, and the second is 2 s away.
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (contents(told_in).find("\nBranch ") == std::string::npos && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const std::string said = target.ask("grow");
  watching.join();
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  // The last line about each class is of the second look.
  std::map<std::string, std::string> told;
  std::istringstream lines(contents(told_in));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name, count, delta;
    words >> name >> count >> delta;
    told[name] = name + " " + count + " " + delta;
  }
  EXPECT_EQ(told["Leaf"] + "|" + told["Branch"], said) << contents(told_in);
}

INSTANTIATE_TEST_SUITE_P(Objgraph, BesideObjgraph,
                         testing::ValuesIn(those_of_the_day(releases(), "BesideObjgraph")),
                         InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(BesideObjgraph);

}  // namespace
}  // namespace heapglass
