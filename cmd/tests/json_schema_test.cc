// What every command prints with --format json is as its JSON Schema says, which `help json-schema` prints.

#include <gtest/gtest.h>

#include "cmd/command.h"
#include "cmd/tests/python_program.h"
#include "lib/report/json_schemas.h"

namespace heapglass {
namespace {

class JsonSchemaOf : public testing::TestWithParam<Interpreter> {};

// scripts/renew-json-schema runs the commands, holds each document against its schema, strictly, and the
// schemas against the keys in the source and the list of commands.
TEST_P(JsonSchemaOf, EveryCommandHoldsForWhatItPrints) {
  const Outcome checked = run_command({"python3", kScripts + "renew-json-schema", "--check", "--program",
                                       HEAPGLASS_PROGRAM, GetParam().path});
  EXPECT_EQ(checked.status, 0) << checked.err;
  EXPECT_NE(checked.out.find(" documents of "), std::string::npos) << checked.out;
}

INSTANTIATE_TEST_SUITE_P(Live, JsonSchemaOf, testing::ValuesIn(few_interpreters()), InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(JsonSchemaOf);

// The check can fail: each kind of mistake is one.
TEST(JsonSchema, FindsWhatIsNotAsItSays) {
  const Outcome asked = run_command({"python3", "-c", R"py(
import sys
sys.path.insert(0, sys.argv[1])
from json_schema import joined, loose, plain, problems, schema_of
sample = {"a": 1, "b": [{"c": "x", "d": None}], "e": {"f": 1.5}}
schema = schema_of(sample, "x")
assert problems(sample, schema) == []
assert loose(plain(schema)) == schema
for other in ({"a": "1", "b": [], "e": {"f": 1}}, {"b": [], "e": {"f": 1}}, {**sample, "g": 1}, {**sample, "b": [{"c": "x"}]},
              {**sample, "b": [{"c": "x", "d": 1}]}, {**sample, "e": []}, {**sample, "a": True}, {**sample, "a": None}, [], None):
    assert len(problems(other, schema)) == 1, (other, problems(other, schema))
    wider = joined(schema, schema_of(other, "x"))
    assert problems(other, wider) == [] and problems(sample, wider) == [], other
assert problems({**sample, "e": {"f": 1}}, schema) == []  # an integer is a number
rows = schema_of([{"any name": 1}], "query.rows")
assert problems([{"another": 2}], rows) == [] and problems([{"another": "x"}], rows) != []
print("ok")
)py",
                                     kScripts});
  EXPECT_EQ(asked.status, 0) << asked.err;
  EXPECT_EQ(asked.out, "ok\n");
}

TEST(JsonSchema, IsPrintedByHelp) {
  const Outcome all = run_command({HEAPGLASS_PROGRAM, "help", "json-schema"});
  EXPECT_EQ(all.status, 0) << all.err;
  EXPECT_EQ(all.out, all_json_schemas());
  const Outcome one = run_command({HEAPGLASS_PROGRAM, "help", "json-schema", "leaks"});
  EXPECT_EQ(one.status, 0);
  EXPECT_EQ(one.out, json_schema_of("leaks"));
  const Outcome none = run_command({HEAPGLASS_PROGRAM, "help", "json-schema", "top"});
  EXPECT_EQ(none.status, 2);
  EXPECT_NE(none.err.find("there is no JSON Schema of 'top' (there is one of backrefs, "), std::string::npos)
      << none.err;
  EXPECT_EQ(run_command({HEAPGLASS_PROGRAM, "help", "man"}).out.find("$schema"), std::string::npos);
}

}  // namespace
}  // namespace heapglass
