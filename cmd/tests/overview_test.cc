// heapglass TARGET: one screen, of which every part is what the other commands say, and whose next commands
// run.

#include <gtest/gtest.h>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

TEST(Overview, SaysWhatTheOtherCommandsSay) {
  if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
  const PythonProgram program(supported_interpreters().back().path, "leaks/handlers.py");
  const TemporaryFolder folder;
  const std::string file = folder.file("handlers.hg");
  ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "snapshot", program.target(), "-o", file}).status, 0);
  const auto json = [&](std::vector<std::string> command) {
    command.insert(command.begin(), HEAPGLASS_PROGRAM);
    command.insert(command.end(), {"--format", "json"});
    return run_command(command).out;
  };
  const Outcome same = run_command(
      {"python3", "-c",
       "import json, sys\n"
       "overview, info, leaks, memory = (json.loads(each) for each in sys.argv[1:])\n"
       "for key in ('pid', 'command', 'python', 'build', 'objects', 'references', 'bytes'):\n"
       "    assert overview[key] == info[key], (key, overview[key], info[key])\n"
       "assert overview['memory'] == leaks['memory'], (overview['memory'], leaks['memory'])\n"
       "assert overview['suspects'] == leaks['suspects'][:3] and overview['suspects'], overview['suspects']\n"
       "assert overview['verdict'] == memory['verdict']\n"
       "assert overview['bar'].index(']') == 61 and overview['bar'].count('O') > 5, overview['bar']\n",
       json({file}), json({"info", file}), json({"leaks", file}), json({"memory", file})});
  EXPECT_EQ(same.status, 0) << same.err;
}

TEST(Overview, NamesCommandsThatRun) {
  if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
  const PythonProgram program(supported_interpreters().back().path, "leaks/handlers.py");
  const Outcome told = run_command({HEAPGLASS_PROGRAM, program.target()});
  ASSERT_EQ(told.status, 0) << told.err;
  const TemporaryFolder folder;
  int commands = 0;
  std::istringstream lines(told.out);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("heapglass ")) continue;
    ++commands;
    std::istringstream words(line.substr(10, line.find("  ") - 10));
    std::vector<std::string> command{HEAPGLASS_PROGRAM};
    for (std::string word; words >> word;)
      command.push_back(word == "10s" ? "200ms" : word == "report.html" ? folder.file("report.html") : word);
    const Outcome outcome = run_command(command);
    EXPECT_EQ(outcome.status, 0) << line << ": " << outcome.err;
  }
  EXPECT_EQ(commands, 4) << told.out;
}

TEST(Overview, IsOfWhatNamesATarget) {
  const Outcome nobody = run_command({HEAPGLASS_PROGRAM, "999999999"});
  EXPECT_EQ(nobody.status, 3);
  EXPECT_NE(nobody.err.find("999999999"), std::string::npos) << nobody.err;
  const Outcome no_python = run_command({HEAPGLASS_PROGRAM, "@no program is called so"});
  EXPECT_NE(no_python.status, 0);
  EXPECT_EQ(no_python.err.find("no command"), std::string::npos) << no_python.err;
  const Outcome brief = run_command({HEAPGLASS_PROGRAM});
  EXPECT_EQ(brief.status, 0);
  EXPECT_NE(brief.out.find("heapglass leaks TARGET"), std::string::npos) << brief.out;
}

}  // namespace
}  // namespace heapglass
