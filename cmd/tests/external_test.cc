// External bytes: what objects have in buffers of their own, by the interpreter's own figures.

#include <gtest/gtest.h>

#include <map>
#include <regex>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

// The column external_bytes of `heapglass histogram --format csv`, by type.
std::map<std::string, std::uint64_t> external_column(const std::string& csv) {
  std::map<std::string, std::uint64_t> by_type;
  std::istringstream lines(csv);
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line.rfind("type,count,bytes,external_bytes", 0), 0u) << line;
  const std::regex row("([^,]+),\\d+,\\d+,(\\d+),.*\r?");
  std::smatch match;
  while (std::getline(lines, line))
    if (std::regex_match(line, match, row)) by_type[match[1]] = std::stoull(match[2]);
  return by_type;
}

class ExternalBytes : public testing::TestWithParam<Interpreter> {};

TEST_P(ExternalBytes, AreThoseOfTheInterpreter) {
  PythonProgram target(GetParam().path, "buffers.py");
  const Outcome outcome =
      run_command({HEAPGLASS_PROGRAM, "histogram", target.target(), "--format", "csv", "--limit", "0"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const auto told = external_column(outcome.out);
  const std::string ready = target.ready_line();
  const std::regex entry("\"([^\"]+)\": (\\d+)");
  int checked = 0;
  for (std::sregex_iterator each(ready.begin(), ready.end(), entry), end; each != end; ++each, ++checked) {
    const std::string type = (*each)[1];
    ASSERT_EQ(told.count(type), 1u) << type << " is not in the histogram";
    // Other objects of the standard library may be of the type, none of them large.
    const std::uint64_t expected = std::stoull((*each)[2]), found = told.at(type);
    EXPECT_GE(found, expected) << type;
    EXPECT_LE(found, expected + (expected ? 100'000 : 0)) << type;
  }
  EXPECT_EQ(checked, 10);
}

INSTANTIATE_TEST_SUITE_P(Live, ExternalBytes, testing::ValuesIn(interpreters_of_the_day("ExternalBytes")),
                         InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ExternalBytes);

}  // namespace
}  // namespace heapglass
