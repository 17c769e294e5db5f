// Programs that use real packages, where scripts/fetch-packages has installed them: what their own code, run
// in a copy, says of extension types is what the interpreter says; what is guessed instead is nearly that.

#include <gtest/gtest.h>

#include <filesystem>

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
  return program == "lxml_trees" ? "lxml.etree" : program == "numpy_arrays" ? "numpy" : "pydantic";
}

class Registry : public testing::TestWithParam<std::tuple<Interpreter, std::string>> {
 protected:
  void SetUp() override {
    const auto& [interpreter, program] = GetParam();
    if (interpreter.build == "debug" && interpreter.version.starts_with("3.7."))
      GTEST_SKIP() << "left out: up to 3.7 a debug build loads no extensions that were built for a release";
    const std::string packages = packages_of(interpreter, program);
    if (!std::filesystem::exists(packages))
      GTEST_SKIP() << "left out: there is no " << packages << "; scripts/fetch-packages " << program
                   << " installs it";
    const Outcome starts = run_command(
        {"env", "PYTHONPATH=" + packages, interpreter.path, "-B", "-c", "import " + module_of(program)});
    if (starts.err.find("version `GLIBC_") != std::string::npos)
      GTEST_SKIP() << "left out: this interpreter's libc is older than the packages want: " << starts.err;
    setenv("PYTHONPATH", (kPrograms + ":" + packages).c_str(), 1);
    target_.emplace(interpreter.path, "registry/" + program + ".py",
                    std::vector<std::string>{"--truth", folder_.file("truth")});
    unsetenv("PYTHONPATH");
  }

  void export_by(const std::string& way) {
    const Outcome outcome = run_command({HEAPGLASS_PROGRAM, "export", target_->target(), "--format", "jsonl",
                                         "-o", folder_.file(way), "--resolve=" + way});
    ASSERT_EQ(outcome.status, 0) << outcome.out << outcome.err;
  }
  Outcome compared(const std::string& way, const std::vector<std::string>& options = {}) {
    std::vector<std::string> command{"python3", kPrograms + "compare_truth.py", folder_.file(way),
                                     folder_.file("truth")};
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

INSTANTIATE_TEST_SUITE_P(Live, Registry,
                         testing::Combine(testing::ValuesIn(interpreters_of_the_day("Registry")),
                                          testing::ValuesIn(kPackages)),
                         [](const auto& each) {
                           return as_identifier(std::get<0>(each.param).name + "_" + std::get<1>(each.param));
                         });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Registry);

}  // namespace
}  // namespace heapglass
