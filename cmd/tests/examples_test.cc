// heapglass help COMMAND ends with examples, which run as they stand.

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "cmd/tests/file_contents.h"
#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

std::vector<std::string> examples_of(const std::string& command) {
  std::istringstream text(run_command({HEAPGLASS_PROGRAM, "help", command}).out);
  std::vector<std::string> lines;
  std::string line;
  while (std::getline(text, line) && line != "Examples:") {
  }
  while (std::getline(text, line))
    if (!line.empty()) lines.push_back(line.substr(line.find_first_not_of(' ')));
  return lines;
}

std::vector<std::string> all_commands() {
  std::istringstream text(run_command({HEAPGLASS_PROGRAM, "help"}).out);
  std::vector<std::string> names;
  std::string line;
  while (std::getline(text, line)) {
    std::istringstream words(line);
    std::string name;
    if (line.starts_with("  ") && words >> name) names.push_back(name);
  }
  return names;
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
  return text;
}

TEST(Examples, RunAsTheyStand) {
  if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
  const TemporaryFolder folder;
  const PythonProgram target(supported_interpreters().back().path, "growing.py");
  for (const char* const file : {"monday.hg", "friday.hg"})
    ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "snapshot", target.target(), "-o", folder.file(file)}).status,
              0);
  std::ofstream(folder.file("guard.rules"))
      << "folder = " << folder.path() << "\n[service]\ncommand = app.py\nwhen = rss > 500MB\ndo = snapshot\n";
  const Outcome asked = run_command({HEAPGLASS_PROGRAM, "query", target.target(),
                                     "SELECT 'id ' || min(id) FROM objects", "--format", "csv"});
  const std::size_t at = asked.out.find("id ", asked.out.find('\n'));
  ASSERT_NE(at, std::string::npos) << asked.out << asked.err;
  const std::string object = std::to_string(std::stoull(asked.out.substr(at + 3)));
  // These go on until somebody ends them.
  const std::set<std::string> endless = {"top", "ui"};
  const std::vector<std::string> commands = all_commands();
  EXPECT_GT(commands.size(), 20u);
  for (const std::string& command : commands) {
    const std::vector<std::string> examples = examples_of(command);
    EXPECT_FALSE(examples.empty()) << command;
    for (const std::string& example : examples) {
      EXPECT_LE(example.size(), 110u) << example;
      EXPECT_TRUE(example.starts_with("heapglass " + command) || command == "overview") << example;
      if (endless.contains(command)) continue;
      std::string line = replaced(example, "4711", target.target());
      line = replaced(line, "@app.py", target.target());
      line = replaced(line, "0x7f2aca4ecd00", object);
      line = std::string(HEAPGLASS_PROGRAM) + line.substr(line.find(' '));
      const Outcome outcome = run_command({"sh", "-c", "cd \"$0\" && " + line, folder.path()});
      EXPECT_EQ(outcome.status, 0) << example << ": " << outcome.err;
    }
  }
}

}  // namespace
}  // namespace heapglass
