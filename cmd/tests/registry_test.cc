// Programs that use real packages, where scripts/fetch-packages has installed them: what their own code, run
// in a copy, says of extension types is what the interpreter says; what is guessed instead is nearly that.

#include <gtest/gtest.h>

#include <filesystem>
#include <regex>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

// A few small ones of testdata/programs/registry, one a way of making extensions: Cython, C and Rust.
// scripts/exactness --registry has all.
const std::string kPackages[] = {"lxml_trees", "numpy_arrays", "pydantic_models"};

std::string packages_of(const Interpreter& interpreter, const std::string& program) {
  const std::string& version = interpreter.version;  // of 3.11.7 the 3.11
  return std::string(HEAPGLASS_SOURCE_DIR) + "/.packages/" + version.substr(0, version.find('.', 2)) + "/" +
         program;
}

// What it imports first that is written in C.
std::string module_of(const std::string& program) {
  return program == "lxml_trees"     ? "lxml.etree"
         : program == "numpy_arrays" ? "numpy"
         : program == "gevent"       ? "greenlet"
                                     : "pydantic";
}

// Why this interpreter cannot run a program with these packages; empty: it can.
std::string why_not(const Interpreter& interpreter, const std::string& package) {
  if (interpreter.build == "debug" && interpreter.version.starts_with("3.7."))
    return "left out: up to 3.7 a debug build loads no extensions that were built for a release";
  const std::string packages = packages_of(interpreter, package);
  if (!std::filesystem::exists(packages))
    return "left out: there is no " + packages + "; scripts/fetch-packages " + package + " installs it";
  const Outcome starts = run_command(
      {"env", "PYTHONPATH=" + packages, interpreter.path, "-B", "-c", "import " + module_of(package)});
  if (starts.err.find("version `GLIBC_") != std::string::npos)
    return "left out: this interpreter's libc is older than the packages want: " + starts.err;
  return {};
}

// As long as it is there, programs that are started find the packages of a program of the registry.
struct WithPackages {
  WithPackages(const Interpreter& interpreter, const std::string& package) {
    setenv("PYTHONPATH", (kPrograms + ":" + packages_of(interpreter, package)).c_str(), 1);
  }
  ~WithPackages() { unsetenv("PYTHONPATH"); }
  WithPackages(const WithPackages&) = delete;
  WithPackages& operator=(const WithPackages&) = delete;
};

class Registry : public testing::TestWithParam<std::tuple<Interpreter, std::string>> {
 protected:
  void SetUp() override {
    const auto& [interpreter, program] = GetParam();
    const std::string reason = why_not(interpreter, program);
    if (!reason.empty()) GTEST_SKIP() << reason;
    const WithPackages packages(interpreter, program);
    target_.emplace(interpreter.path, "registry/" + program + ".py",
                    std::vector<std::string>{"--truth", folder_.file("truth")});
  }

  void export_by(const std::string& way) {
    const Outcome outcome = run_command({HEAPGLASS_PROGRAM, "export", target_->target(), "--format", "jsonl",
                                         "-o", folder_.file(way), "--resolve=" + way});
    ASSERT_EQ(outcome.status, 0) << outcome.out << outcome.err;
  }
  Outcome compared(const std::string& way, const std::vector<std::string>& options = {}) {
    std::vector<std::string> command{HEAPGLASS_COMPARE_TRUTH, folder_.file(way), folder_.file("truth")};
    command.insert(command.end(), options.begin(), options.end());
    return run_command(command);
  }

  TemporaryFolder folder_;
  std::optional<PythonProgram> target_;
};

TEST_P(Registry, RunIsExactAndScanNearly) {
  export_by("run");
  export_by("scan");
  const Outcome run = compared("run");
  EXPECT_EQ(run.status, 0) << run.out << run.err;
  const Outcome scan = compared("scan", {"--guesses", "0.99"});
  EXPECT_EQ(scan.status, 0) << scan.out << scan.err;
  // Guesses are told apart: without them references are missing.
  EXPECT_EQ(compared("scan").status, 1);
}

// No tp_traverse tells the items of numpy's arrays: how many there are is known from the program.
class ObjectArrays : public testing::TestWithParam<Interpreter> {};

TEST_P(ObjectArrays, ReferToTheirItems) {
  const std::string reason = why_not(GetParam(), "numpy_arrays");
  if (!reason.empty()) GTEST_SKIP() << reason;
  const WithPackages packages(GetParam(), "numpy_arrays");
  PythonProgram target(GetParam().path, "registry/object_arrays.py", std::vector<std::string>{});
  const TemporaryFolder folder;
  const std::string file = folder.file("a.hg");
  ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "snapshot", target.target(), "-o", file}).status, 0);
  for (const std::string& look_at : {target.target(), file}) {
    // Who refers to them, and how often: each once, from the array that owns them.
    const Outcome rows = run_command({HEAPGLASS_PROGRAM, "query", look_at, R"sql(
SELECT o.type, h.type, count(*), count(DISTINCT o.id), count(DISTINCT h.id), sum(o.refcount)
FROM refs r JOIN objects o ON o.id = r.held JOIN objects h ON h.id = r.holder
WHERE o.type IN ('__main__.Row', '__main__.Cell', '__main__.Field', '__main__.Deep', '__main__.Alone')
GROUP BY o.type, h.type ORDER BY o.type, h.type)sql",
                                      "--format", "csv"});
    ASSERT_EQ(rows.status, 0) << rows.err;
    EXPECT_EQ(rows.out.substr(rows.out.find('\n') + 1),
              "__main__.Alone,numpy.ndarray,1,1,1,1\r\n"
              "__main__.Cell,numpy.ndarray,1200,1200,2,1200\r\n"
              "__main__.Deep,numpy.ndarray,300,300,1,300\r\n"
              "__main__.Field,numpy.ndarray,500,500,1,500\r\n"
              "__main__.Row,numpy.ndarray,3000,3000,1,3000\r\n");
    const Outcome path = run_command({HEAPGLASS_PROGRAM, "path", look_at, "--type", "__main__.Row"});
    ASSERT_EQ(path.status, 0) << path.err;
    EXPECT_NE(path.out.find("flat -> numpy.ndarray -> ["), std::string::npos) << path.out;
    const Outcome leaks = run_command({HEAPGLASS_PROGRAM, "leaks", look_at, "--limit", "0"});
    ASSERT_EQ(leaks.status, 0) << leaks.err;
    for (const char* type : {"__main__.Row", "__main__.Cell"})
      EXPECT_EQ(leaks.out.find(std::string("native-references: C code, ") + type), std::string::npos)
          << leaks.out;
  }
}

// Their items have no names: one that grows is one owner, and not an owner an item.
TEST_P(ObjectArrays, GrowAsOneOwner) {
  const std::string reason = why_not(GetParam(), "numpy_arrays");
  if (!reason.empty()) GTEST_SKIP() << reason;
  const WithPackages packages(GetParam(), "numpy_arrays");
  PythonProgram target(GetParam().path, "leaks/object_array.py", std::vector<std::string>{});
  const TemporaryFolder folder;
  const std::string old = folder.file("a.hg");
  ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "snapshot", target.target(), "-o", old}).status, 0);
  ASSERT_EQ(target.ask("1000"), "DONE");
  const Outcome diff = run_command({HEAPGLASS_PROGRAM, "diff", old, target.target(), "--limit", "0"});
  EXPECT_TRUE(std::regex_search(
      diff.out, std::regex("__main__\\.table\\.rows +numpy\\.ndarray[^\n]* \\+[23],[0-9]{3} ")))
      << diff.out << diff.err;
  EXPECT_EQ(diff.out.find("table.rows["), std::string::npos) << diff.out;
  const Outcome leaks = run_command({HEAPGLASS_PROGRAM, "leaks", old, target.target(), "--limit", "1"});
  EXPECT_TRUE(std::regex_search(leaks.out, std::regex("suspect +1\\. [a-z-]+: __main__\\.table\\.rows, ")))
      << leaks.out << leaks.err;
}

// As root looks at the process of another user: numpy's own code is not run, and its arrays have their data.
TEST_P(ObjectArrays, HaveTheirDataWithoutTheirCode) {
  const std::string reason = why_not(GetParam(), "numpy_arrays");
  if (!reason.empty()) GTEST_SKIP() << reason;
  const WithPackages packages(GetParam(), "numpy_arrays");
  PythonProgram target(GetParam().path, "registry/object_arrays.py", std::vector<std::string>{});
  for (const char* way : {"scan", "run"}) {
    const Outcome outcome =
        run_command({HEAPGLASS_PROGRAM, "retained", target.target(), "--type", "numpy.ndarray", "--limit",
                     "2", "--format", "json", "--resolve", way});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    const std::regex retained("\"retained_bytes\": (\\d+)");
    std::vector<double> told;
    for (std::sregex_iterator at(outcome.out.begin(), outcome.out.end(), retained), end; at != end; ++at)
      told.push_back(std::stod((*at)[1]));
    ASSERT_EQ(told.size(), 2u) << outcome.out;
    EXPECT_NEAR(told[0], 8'000'000, 10'000) << way;
    EXPECT_NEAR(told[1], 5'600'000, 10'000) << way;
    const Outcome memory =
        run_command({HEAPGLASS_PROGRAM, "memory", target.target(), "--format", "json", "--resolve", way});
    ASSERT_EQ(memory.status, 0) << memory.err;
    EXPECT_EQ(memory.out.find("managedbuffer"), std::string::npos) << memory.out;
  }
}

// What the frames of suspended greenlets hold is theirs.
TEST_P(ObjectArrays, AndGreenletsReferToTheirVariables) {
  const std::string reason = why_not(GetParam(), "gevent");
  if (!reason.empty()) GTEST_SKIP() << reason;
  const WithPackages packages(GetParam(), "gevent");
  PythonProgram target(GetParam().path, "registry/greenlet_locals.py", std::vector<std::string>{});
  const TemporaryFolder folder;
  const std::string file = folder.file("a.hg");
  ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "snapshot", target.target(), "-o", file}).status, 0);
  for (const std::string& look_at : {target.target(), file}) {
    // Two variables of two frames hold each request, and nothing else does. From 3.14 on one of them borrows
    // its reference, and words of the stack of values that do so are told too. Up to 3.10 the caller keeps
    // the argument on its own stack of values, of which nobody tells how deep it is while it calls.
    const bool told_all = GetParam().version.find('.', 2) == 4 && GetParam().version >= "3.11";
    const Outcome rows =
        run_command({HEAPGLASS_PROGRAM, "query", look_at,
                     std::string(R"sql(
SELECT count(*), sum(o.refcount <= (SELECT count(*) FROM refs r JOIN objects h ON h.id = r.holder
  WHERE r.held = o.id AND h.type IN ('greenlet.greenlet', 'builtins.frame')) + )sql") +
                         (told_all ? "0" : "1") + ") FROM objects o WHERE o.type = '__main__.Request'",
                     "--format", "csv"});
    ASSERT_EQ(rows.status, 0) << rows.err;
    EXPECT_EQ(rows.out.substr(rows.out.find('\n') + 1), "200,200\r\n");
    const Outcome path = run_command({HEAPGLASS_PROGRAM, "path", look_at, "--type", "bytearray"});
    ASSERT_EQ(path.status, 0) << path.err;
    EXPECT_NE(path.out.find("waiting"), std::string::npos) << path.out;
    EXPECT_EQ(path.out.find("C code"), std::string::npos) << path.out;
  }
}

INSTANTIATE_TEST_SUITE_P(Live, ObjectArrays, testing::ValuesIn(interpreters_of_the_day("ObjectArrays")),
                         InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ObjectArrays);

INSTANTIATE_TEST_SUITE_P(Live, Registry,
                         testing::Combine(testing::ValuesIn(interpreters_of_the_day("Registry")),
                                          testing::ValuesIn(kPackages)),
                         [](const auto& each) {
                           return as_identifier(std::get<0>(each.param).name + "_" + std::get<1>(each.param));
                         });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Registry);

}  // namespace
}  // namespace heapglass
