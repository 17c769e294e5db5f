// Who holds it, in our own style: every way of holding has its name. testdata/programs/holders.py has the
// ways.

#include <gtest/gtest.h>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

class Holders : public testing::TestWithParam<Interpreter> {};

TEST_P(Holders, AreCalledByTheirNames) {
  PythonProgram target(GetParam().path, "holders.py");
  // To 3.10 a frame is an object of its own, from then on part of its generator.
  const int minor = std::atoi(GetParam().version.c_str() + 2);
  const std::string generator = minor < 11 ? "session of frame" : "session of generator";
  struct Way {
    const char* session;
    std::vector<std::string> says;
  };
  for (const Way& way : std::initializer_list<Way>{
           {"weakly watched",
            {"referent of weakref.KeyedRef", "(weak)", "['watched'] of dict", "data of ", "by_name of ",
             "watched of dict", "reference of dict", "__dict__ of module  __main__"}},
           {"in a slot", {"left of __main__.Pair", "pair of dict"}},
           {"in a list", {"['key'] of dict", "[0] of tuple", "[1] of list", "nested of dict"}},
           {"in a closure",
            {"cell_contents of cell", "[1] session of tuple",
             "__closure__ of function  make_handler.<locals>.handler", "['login'] of dict"}},
           {"in a generator", {generator, "generator of dict"}},
           {"in a cache",
            {"['in a cache'] of dict", "cache of functools._lru_cache_wrapper", "load of dict"}},
           {"in a traceback",
            {"session of frame  holders.py:71 in fail", "tb_frame of traceback", "traceback of ValueError",
             "last_error of dict"}},
           {"in a task", {"session of ", "coroutine of _asyncio.Task", "[0] of list"}},
           {"on the stack", {"session of ", "in blocked"}}}) {
    const std::string where = std::string("is Session and .name == '") + way.session + "'";
    const Outcome listed =
        run_command({HEAPGLASS_PROGRAM, "objects", target.target(), "--where", where, "--format", "json"});
    ASSERT_EQ(listed.status, 0) << listed.err;
    const Outcome id = run_command(
        {"python3", "-c", "import json, sys; (o,) = json.load(sys.stdin)['objects']; print(o['id'], end='')"},
        listed.out);
    ASSERT_EQ(id.status, 0) << where << id.err << listed.out;
    const Outcome tree =
        run_command({HEAPGLASS_PROGRAM, "backrefs", target.target(), "--id", id.out, "--max-depth", "8"});
    ASSERT_EQ(tree.status, 0) << tree.err;
    for (const std::string& each : way.says)
      EXPECT_NE(tree.out.find(each), std::string::npos) << way.session << ": no '" << each << "' in\n"
                                                        << tree.out;
    if (std::string_view(way.session) != "weakly watched") continue;
    const Outcome dot =
        run_command({HEAPGLASS_PROGRAM, "backrefs", target.target(), "--id", id.out, "-o", "-"});
    EXPECT_NE(dot.out.find("style=dotted"), std::string::npos) << dot.out;
    EXPECT_NE(dot.out.find("has __del__"), std::string::npos) << dot.out;
  }
}

INSTANTIATE_TEST_SUITE_P(Pictures, Holders, testing::ValuesIn(those_of_the_day(releases(), "Holders")),
                         InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Holders);

}  // namespace
}  // namespace heapglass
