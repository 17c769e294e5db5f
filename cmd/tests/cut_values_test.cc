// --cut-values: what it says is not in the file is not there, by whatever reader; all else is answered as by
// a file with whole pages.

#include <gtest/gtest.h>

#include <regex>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

const std::string kReader = std::string(HEAPGLASS_SOURCE_DIR) + "/testdata/read_snapshot.py";

class CutValues : public testing::TestWithParam<Interpreter> {
 protected:
  Outcome take(const PythonProgram& program, const std::string& name, const std::string& cut) const {
    std::vector<std::string> command{HEAPGLASS_PROGRAM, "snapshot", program.target(), "-o",
                                     folder_.file(name)};
    if (!cut.empty()) command.insert(command.end(), {"--cut-values", cut});
    return run_command(command);
  }
  Outcome search(const std::string& name) const {
    return run_command({"python3", "-B", kReader, "search", folder_.file(name), folder_.file("secrets")});
  }
  std::string answer(const std::string& name, std::vector<std::string> command) const {
    command.insert(command.begin() + 1, folder_.file(name));
    command.insert(command.begin(), HEAPGLASS_PROGRAM);
    const Outcome outcome = run_command(command);
    EXPECT_EQ(outcome.status, 0) << command[1] << outcome.err;
    // Arguments are values; what is shared depends on what other processes map at that moment.
    static const std::regex of_the_look(
        "(^|\n)(command|its share of the RSS|mapped by others too|shared by forking) .*");
    return std::regex_replace(outcome.out, of_the_look, "");
  }
  const TemporaryFolder folder_;
};

TEST_P(CutValues, LeaveNothingBehindTheCut) {
  const std::string harmless(600, '.'), secrets = folder_.file("secrets");
  PythonProgram program({"env", "APP_TOKEN=" + harmless + "zq7-kv3-wx9-jh5-tb1-mg8-", GetParam().path, "-B",
                         "-W", "ignore", kPrograms + "cut_values.py", secrets,
                         harmless + "hv2-xq6-kz4-wj9-gm3-tf7-"});
  kill(program.pid(), SIGSTOP);
  while (program.state() != 'T') usleep(1000);
  for (const std::string cut : {"16", "509"}) {
    const Outcome taken = take(program, cut, cut);
    ASSERT_EQ(taken.status, 0) << taken.err;
    const Outcome found = search(cut);
    EXPECT_EQ(found.status, 0) << found.err;
    EXPECT_EQ(found.out, "") << cut;
  }
  const std::string shown = answer("509", {"objects", "--type", "str", "--limit", "1"});
  EXPECT_NE(shown.find("has the first 509 bytes of longer values"), std::string::npos) << shown;
  // The search finds what is there: about 30 in a release build, by what its version leaves of what is freed.
  ASSERT_EQ(take(program, "whole", "").status, 0);
  const Outcome whole = search("whole");
  EXPECT_GE(std::count(whole.out.begin(), whole.out.end(), '\n'), GetParam().build == "debug" ? 15 : 25)
      << whole.out << whole.err;
  // What has no end behind the cut is answered as by whole pages.
  ASSERT_EQ(take(program, "long", "1048576").status, 0);
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           {"histogram", "--limit", "0"},
           {"objects", "--type", "dict", "--limit", "0", "--paths"},
           {"objects", "--type", "str", "--limit", "0"},
           {"objects", "--type", "module", "--limit", "0"},
           {"retained", "--limit", "0"},
           {"stacks"},
           {"garbage"},
           {"leaks"},
           {"path", "--type", "__main__.Plain"},
           {"memory", "--arenas"},
           {"query", "SELECT id, type, size, refcount, tracked, length, repr FROM objects", "--limit", "0"},
           {"query", "SELECT * FROM roots"}})
    EXPECT_EQ(answer("long", command), answer("whole", command)) << command[0] << " " << command[1];
  kill(program.pid(), SIGCONT);
}

INSTANTIATE_TEST_SUITE_P(Live, CutValues, testing::ValuesIn(few_interpreters()), InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(CutValues);

}  // namespace
}  // namespace heapglass
