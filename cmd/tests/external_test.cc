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

// sys.getsizeof of an io.BytesIO counts the bytes object that it writes to, which is an object of its own;
// from 3.15 on that of a bytearray does.
TEST_P(ExternalBytes, ABytesObjectInsideOfABytesIOCountsOnce) {
  PythonProgram target(GetParam().path, "buffers.py");
  const TemporaryFolder folder;
  const std::string file = folder.file("a.hg");
  ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "snapshot", target.target(), "-o", file}).status, 0);
  for (const std::string& look_at : {target.target(), file}) {
    const Outcome types =
        run_command({HEAPGLASS_PROGRAM, "histogram", look_at, "--format", "json", "--limit", "0"});
    const Outcome retained = run_command({HEAPGLASS_PROGRAM, "retained", look_at, "--type", "_io.BytesIO",
                                          "--format", "json", "--limit", "1"});
    const Outcome objects = run_command({HEAPGLASS_PROGRAM, "objects", look_at, "--type", "_io.BytesIO",
                                         "--sort", "size", "--format", "json", "--limit", "1"});
    ASSERT_EQ(types.status, 0) << types.err;
    ASSERT_EQ(retained.status, 0) << retained.err;
    ASSERT_EQ(objects.status, 0) << objects.err;
    std::ofstream(folder.file("types.json")) << types.out;
    std::ofstream(folder.file("retained.json")) << retained.out;
    std::ofstream(folder.file("objects.json")) << objects.out;
    const Outcome checked = run_command({"python3", "-c", R"py(
import json, sys
types, retained, objects = (json.load(open(sys.argv[1] + "/%s.json" % name)) for name in ("types", "retained", "objects"))
of = {row["type"]: row for row in types["types"]}
assert of["_io.BytesIO"]["bytes"] < 100000, of["_io.BytesIO"]
assert of["_io.BytesIO"]["external_bytes"] < 100000, of["_io.BytesIO"]
assert of["builtins.bytes"]["bytes"] >= 2000000, of["builtins.bytes"]
# 3 MB of a bytearray and 2 MB of the BytesIO, each once.
buffers = [of[name]["bytes"] for name in ("builtins.bytearray", "builtins.bytes", "_io.BytesIO")]
assert 5000000 <= sum(buffers) < 6500000, buffers
top = retained["objects"][0]
assert 2000000 <= top["retained_bytes"] < 2100000, top
assert 2000000 <= objects["objects"][0]["size"] < 2100000, objects  # sys.getsizeof
)py",
                                         folder.file(".")});
    EXPECT_EQ(checked.status, 0) << look_at << ": " << checked.err << types.out.substr(0, 300)
                                 << retained.out.substr(0, 600) << objects.out.substr(0, 600);
  }
}

// Since 3.11 instances have their attributes in arrays that sys.getsizeof does not count: tracemalloc does.
TEST_P(ExternalBytes, AttributesOfInstancesCount) {
  PythonProgram target(GetParam().path, "attribute_values.py");
  std::uint64_t taken = 0, id = 0;
  ASSERT_EQ(std::sscanf(target.ready_line().c_str(), "READY %lu %lu", &taken, &id), 2);
  const TemporaryFolder folder;
  const std::string file = folder.file("a.hg");
  ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "snapshot", target.target(), "-o", file}).status, 0);
  for (const std::string& look_at : {target.target(), file}) {
    const Outcome outcome =
        run_command({HEAPGLASS_PROGRAM, "retained", look_at, "--id", std::to_string(id), "--format", "json"});
    std::smatch match;
    ASSERT_TRUE(std::regex_search(outcome.out, match, std::regex("\"retained_bytes\": (\\d+)")))
        << outcome.out << outcome.err;
    const double told = std::stod(match[1]);
    // The list has room for more than it has.
    EXPECT_NEAR(told, static_cast<double>(taken), static_cast<double>(taken) / 200) << look_at;
  }
}

INSTANTIATE_TEST_SUITE_P(Live, ExternalBytes, testing::ValuesIn(interpreters_of_the_day("ExternalBytes")),
                         InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ExternalBytes);

}  // namespace
}  // namespace heapglass
