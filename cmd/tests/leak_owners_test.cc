// What `leaks` makes of a growth, and of packages, where an owner is easily missed.

#include <gtest/gtest.h>

#include <filesystem>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

using Words = std::vector<std::string>;

// Grows by what `grow` says each time that a line comes.
constexpr char kGrowing[] = R"py(
import sys
class User: pass
class Settings: pass
users = []
for i in range(50):
    users.append(User())
    users[-1].log = "user %d " % i
settings = Settings()
table = {i: str(i) * 3 for i in range(20000)}
turn = 0
print("READY", flush=True)
for line in sys.stdin:
    turn += 1
    if sys.argv[1] == "member":
        users[3].log += "request " * 60000
    elif sys.argv[1] == "text":
        settings.log = getattr(settings, "log", "") + "request " * 60000
    else:
        for i in range(5000):
            setattr(settings, "flag_%d_%d" % (turn, i), i)
    print("DONE", flush=True)
)py";

class LeakOwners : public testing::TestWithParam<Interpreter> {
 protected:
  // The suspects that grew between two snapshots, with growth, one "OWNER: EVIDENCE" a line.
  std::string grown(const std::string& what) {
    const TemporaryFolder folder;
    std::ofstream(folder.file("growing.py")) << kGrowing;
    PythonProgram target(Words{GetParam().path, "-B", folder.file("growing.py"), what});
    // Whatever the first turn brings to life.
    if (target.ask("x").rfind("DONE", 0) != 0) return "no answer";
    for (const char* name : {"a.hg", "b.hg"}) {
      const Outcome outcome =
          run_command({HEAPGLASS_PROGRAM, "snapshot", target.target(), "-o", folder.file(name)});
      if (outcome.status != 0) return outcome.err;
      if (target.ask("x").rfind("DONE", 0) != 0) return "no answer";
    }
    const Outcome leaks = run_command({HEAPGLASS_PROGRAM, "leaks", folder.file("a.hg"), folder.file("b.hg"),
                                       "--format", "json", "--limit", "0"});
    std::ofstream(folder.file("leaks.json")) << leaks.out;
    return run_command({"python3", "-c", R"py(
import json, sys
for each in json.load(open(sys.argv[1]))["suspects"]:
    if (each.get("bytes_delta") or 0) > 0:
        print(each["owner"] + ": " + each["evidence"])
)py",
                        folder.file("leaks.json")})
               .out +
           leaks.err;
  }
};

TEST_P(LeakOwners, OneMemberThatGrowsWhereItStands) {
  const std::string told = grown("member");
  EXPECT_EQ(told.rfind("__main__.users", 0), 0u) << told;
  EXPECT_NE(told.substr(0, told.find('\n')).find("[3]"), std::string::npos) << told;
}

// No pattern is about it, but it grows.
TEST_P(LeakOwners, OneTextOfAnObject) {
  const std::string told = grown("text");
  EXPECT_EQ(told.rfind("__main__.settings", 0), 0u) << told;
}

TEST_P(LeakOwners, AttributesUnderEverNewNames) {
  const std::string told = grown("attributes");
  EXPECT_EQ(told.rfind("__main__.settings", 0), 0u) << told;
  EXPECT_EQ(told.find("interned"), std::string::npos) << told;
}

// pip can install into any folder; PYTHONPATH leads there. The table is a twentieth of the heap.
TEST_P(LeakOwners, TablesOfInstalledPackagesAreNotAccused) {
  namespace fs = std::filesystem;
  const TemporaryFolder folder;
  const std::string packages = folder.file("packages");
  fs::create_directories(packages + "/tables");
  std::ofstream(packages + "/tables/__init__.py") << "NAMES = {i: 'name %d' % i for i in range(10000)}\n";
  std::ofstream(folder.file("program.py")) << "import sys, tables\n"
                                              "mine = ['%d' % i * 100 for i in range(60000)]\n"
                                              "print('READY', flush=True)\nsys.stdin.read()\n";
  for (const bool installed : {false, true}) {
    if (installed) fs::create_directories(packages + "/tables-1.0.dist-info");
    PythonProgram target(
        Words{"env", "PYTHONPATH=" + packages, GetParam().path, "-B", folder.file("program.py")});
    const Outcome leaks = run_command({HEAPGLASS_PROGRAM, "leaks", target.target(), "--limit", "0"});
    ASSERT_EQ(leaks.status, 0) << leaks.err;
    EXPECT_NE(leaks.out.find("__main__.mine"), std::string::npos) << leaks.out;
    EXPECT_EQ(leaks.out.find("tables.NAMES") == std::string::npos, installed) << leaks.out;
  }
}

INSTANTIATE_TEST_SUITE_P(Live, LeakOwners, testing::ValuesIn(interpreters_of_the_day("LeakOwners")),
                         InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LeakOwners);

}  // namespace
}  // namespace heapglass
