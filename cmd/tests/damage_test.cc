// A thousand damaged heaps of each version of CPython: heapglass reads what is left, without a crash, a hang
// or memory without bound.

#include <gtest/gtest.h>

#include <set>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

TEST(DamagedHeaps, AreReadAsFarAsTheyGo) {
  std::set<std::string> versions;
  for (const Interpreter& interpreter : supported_interpreters()) {
    // One interpreter of each minor version, the first found.
    const std::string minor = interpreter.name.substr(0, interpreter.name.find('.', 2));
    if (!versions.insert(minor).second) continue;
    PythonProgram target(interpreter.path, "suspended.py");
    const Outcome outcome = run_command({HEAPGLASS_DAMAGE_PROGRAM, target.target(), "130"});
    EXPECT_EQ(outcome.status, 0) << interpreter.name << ": " << outcome.err
                                 << outcome.out.substr(outcome.out.size() < 200 ? 0
                                                                                : outcome.out.size() - 200);
    const std::size_t last = outcome.out.rfind('\n', outcome.out.size() - 2);
    std::cout << outcome.out.substr(last == std::string::npos ? 0 : last + 1);
  }
  if (versions.empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
}

}  // namespace
}  // namespace heapglass
