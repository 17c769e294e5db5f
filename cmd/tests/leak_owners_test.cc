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

// What types of the standard library keep their attributes and entries in stands between a name and what code
// reaches by it, and no code names it.
TEST_P(LeakOwners, AsCodeReachesThem) {
  const TemporaryFolder folder;
  std::ofstream(folder.file("program.py")) << R"py(
import collections, sys, types, weakref
class Key: pass
class Ordered(collections.OrderedDict): pass
class Registry(collections.UserDict): pass
class InNamespace(bytearray): pass
class InOrdered(bytearray): pass
class OfKey(bytearray): pass
class InRegistry(bytearray): pass
space = types.SimpleNamespace(one=InNamespace(9), cache={i: bytearray(1000) for i in range(3000)})
ordered = Ordered()
ordered.attribute = InOrdered(9)
ordered.log = [bytearray(1100) for i in range(3000)]
keys = [Key() for i in range(3000)]
of_keys = weakref.WeakKeyDictionary((k, bytearray(1200)) for k in keys)
of_keys[keys[0]] = OfKey(9)
registry = Registry((str(i), bytearray(1300)) for i in range(3000))
registry["one"] = InRegistry(9)
print("READY", flush=True)
sys.stdin.read()
)py";
  PythonProgram target(Words{GetParam().path, "-B", folder.file("program.py")});
  const Outcome leaks = run_command({HEAPGLASS_PROGRAM, "leaks", target.target(), "--limit", "0"});
  ASSERT_EQ(leaks.status, 0) << leaks.err;
  for (const char* owner :
       {"__main__.space.cache, ", "__main__.ordered.log, ", "__main__.of_keys, ", "__main__.registry, ",
        "weakref.WeakKeyDictionary of 3,000 entries, __main__.Key to bytearray; each entry goes with its key",
        "__main__.Registry of 3,001 entries, str to bytearray"})
    EXPECT_NE(leaks.out.find(owner), std::string::npos) << owner << " is not in " << leaks.out;
  const std::pair<const char*, const char*> kPaths[] = {
      {"InNamespace", "module __main__ -> space -> types.SimpleNamespace -> one -> __main__.InNamespace"},
      {"InOrdered", "module __main__ -> ordered -> __main__.Ordered -> attribute -> __main__.InOrdered"},
      {"OfKey", "module __main__ -> of_keys -> weakref.WeakKeyDictionary -> [Key] -> __main__.OfKey"},
      {"InRegistry", "module __main__ -> registry -> __main__.Registry -> ['one'] -> __main__.InRegistry"}};
  for (const auto& [type, path] : kPaths) {
    const Outcome outcome = run_command({HEAPGLASS_PROGRAM, "path", target.target(), "--type", type});
    EXPECT_NE(outcome.out.find(path), std::string::npos) << outcome.out << outcome.err;
  }
}

// A collection of a few members that are large each is what leaks, and not each of them; unless one has most.
TEST_P(LeakOwners, CollectionOfAFewLargeMembers) {
  const TemporaryFolder folder;
  std::ofstream(folder.file("program.py")) << R"py(
import sys
class Model:
    def __init__(self, size, entries):
        self.weights = bytearray(size)
        self.index = {i: i * 0.5 for i in range(entries)}
class Registry:
    models = {}
if sys.argv[1] == "blocks":
    Registry.models = {"m%d" % i: bytearray(5_000_000) for i in range(6)}
elif sys.argv[1] == "within":
    Registry.models = {"m%d" % i: Model(5_000_000, 0) for i in range(6)}
elif sys.argv[1] == "collections":
    Registry.models = {"m%d" % i: Model(0, 20000) for i in range(8)}
elif sys.argv[1] == "one_block":
    Registry.models = {"m%d" % i: bytearray(60_000_000 if i == 3 else 2_000_000) for i in range(8)}
elif sys.argv[1] == "one_collection":
    Registry.models = {"m%d" % i: Model(0, 300000 if i == 3 else 3000) for i in range(8)}
print("READY", flush=True)
sys.stdin.read()
)py";
  const std::pair<const char*, const char*> kShapes[] = {
      {"blocks", "large-object: __main__.Registry.models, "},
      {"within", "large-object: __main__.Registry.models, "},
      {"collections", "unbounded-cache: __main__.Registry.models, "},
      {"one_block", "large-object: __main__.Registry.models['m3'], "},
      {"one_collection", "unbounded-cache: __main__.Registry.models['m3'].index, "}};
  for (const auto& [shape, suspect] : kShapes) {
    PythonProgram target(Words{GetParam().path, "-B", folder.file("program.py"), shape});
    const Outcome leaks = run_command({HEAPGLASS_PROGRAM, "leaks", target.target(), "--limit", "0"});
    EXPECT_NE(leaks.out.find(suspect), std::string::npos) << shape << ": " << leaks.out << leaks.err;
    // And nothing else of the registry.
    const std::size_t first = leaks.out.find(": __main__.Registry.models");
    EXPECT_EQ(leaks.out.find(": __main__.Registry.models", first + 1), std::string::npos)
        << shape << ": " << leaks.out;
  }
}

// A decorator makes all of them of one code, and they are where they were defined as well.
TEST_P(LeakOwners, RegistriesOfNamedFunctionsAreNotAccused) {
  namespace fs = std::filesystem;
  const TemporaryFolder folder;
  const std::string packages = folder.file("packages");
  fs::create_directories(packages + "/algorithms-1.0.dist-info");
  std::ofstream(packages + "/algorithms.py") << R"py(
registered = {}
class Dispatch:
    def __init__(self): self.graphs, self.sets, self.lists = {}, set(), []
DISPATCHED = []
def register(function):
    def call(*arguments): return function(*arguments)
    call.described_as = "an algorithm %s " % function.__name__ * 40
    registered[function.__name__] = call
    return call
for i in range(300):
    exec("@register\ndef algorithm_%d(): pass" % i)
    DISPATCHED.append(Dispatch())
)py";
  std::ofstream(folder.file("program.py")) << R"py(
import algorithms, sys
handlers = []
def route(function):
    def call(*arguments): return function(*arguments)
    call.page = "page %s " % function.__name__ * 50
    handlers.append(call)
    return call
for i in range(100):
    exec("@route\ndef page_%d(): pass" % i)
print("READY", flush=True)
sys.stdin.read()
)py";
  PythonProgram target(
      Words{"env", "PYTHONPATH=" + packages, GetParam().path, "-B", folder.file("program.py")});
  const Outcome leaks = run_command({HEAPGLASS_PROGRAM, "leaks", target.target(), "--limit", "0"});
  ASSERT_EQ(leaks.status, 0) << leaks.err;
  for (const char* wrong : {"handlers-not-removed", "algorithms.", "__main__.handlers"})
    EXPECT_EQ(leaks.out.find(wrong), std::string::npos) << leaks.out;
}

// botocore keeps a description of each service; so does one that is called as it is.
TEST_P(LeakOwners, LoaderOfBotocoreHasItsCure) {
  namespace fs = std::filesystem;
  const TemporaryFolder folder;
  const std::string packages = folder.file("packages");
  fs::create_directories(packages + "/botocore-1.0.dist-info");
  fs::create_directories(packages + "/botocore");
  std::ofstream(packages + "/botocore/__init__.py") << "";
  std::ofstream(packages + "/botocore/loaders.py") << R"py(
class Loader:
    def __init__(self): self._cache = {}
)py";
  std::ofstream(folder.file("program.py")) << R"py(
import sys
from botocore.loaders import Loader
loader = Loader()
for i in range(20):
    n = 9000 if i == 7 else 1500
    loader._cache["service", i] = {"shapes": {"S%d.%d" % (i, s): {"type": "%d.%d" % (s, i)} for s in range(n)}}
    # Texts of another service, once more.
    loader._cache["texts", i] = ["a text that all services have %d" % (t - t % 100) for t in range(300)]
print("READY", flush=True)
sys.stdin.read()
)py";
  PythonProgram target(
      Words{"env", "PYTHONPATH=" + packages, GetParam().path, "-B", folder.file("program.py")});
  const Outcome leaks = run_command({HEAPGLASS_PROGRAM, "leaks", target.target(), "--limit", "0"});
  const std::size_t cache = leaks.out.find("__main__.loader._cache");
  EXPECT_NE(cache, std::string::npos) << leaks.out << leaks.err;
  EXPECT_NE(leaks.out.find("one boto3 or botocore session"), std::string::npos) << leaks.out;
  for (const char* wrong :
       {"unbounded-cache: __main__.loader._cache[tuple", "duplicate-values: __main__.loader"})
    EXPECT_EQ(leaks.out.find(wrong), std::string::npos) << leaks.out;
}

INSTANTIATE_TEST_SUITE_P(Live, LeakOwners, testing::ValuesIn(interpreters_of_the_day("LeakOwners")),
                         InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LeakOwners);

}  // namespace
}  // namespace heapglass
