// The memory bill against what the kernel, sys._debugmallocstats(), mallinfo() and malloc_trim(0) say.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <regex>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

// The number under a key of the document itself.
double number_of(const std::string& json, const std::string& key) {
  const std::size_t at = json.find("\n  \"" + key + "\": ");
  return at == std::string::npos ? NAN : std::stod(json.substr(at + key.size() + 6));
}

std::string packages_of(const Interpreter& interpreter, const std::string& program) {
  const std::string& version = interpreter.version;  // of 3.11.7 the 3.11
  return HEAPGLASS_SOURCE_DIR "/.packages/" + version.substr(0, version.find('.', 2)) + "/" + program;
}

class MemoryOf {
 public:
  MemoryOf(const std::string& interpreter, const std::string& shape)
      : MemoryOf(interpreter, "memory_shapes.py", shape) {}
  MemoryOf(const std::string& interpreter, const std::string& program, const std::string& shape)
      : target_(interpreter, program,
                shape.empty() ? std::vector<std::string>{} : std::vector<std::string>{shape, said()}) {
    const Outcome outcome = run_command(
        {HEAPGLASS_PROGRAM, "memory", target_.target(), "--limit", "0", "--format", "json", "-o", answer()});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    std::ifstream file(answer());
    json_.assign(std::istreambuf_iterator<char>(file), {});
    std::printf("  %-20s RSS %6.1f MB, sum %6.1f MB, %+.2f %%\n", (shape.empty() ? program : shape).c_str(),
                value("rss") / 1e6, value("sum") / 1e6, 100 * (value("sum") / value("rss") - 1));
    EXPECT_TRUE(std::abs(value("sum") / value("rss") - 1) < 0.02) << json_;
  }
  double value(const std::string& key) const { return number_of(json_, key); }
  bool says(const std::string& text) const { return json_.find(text) != std::string::npos; }
  // Differences between the answer and what the process wrote, a line each, then "compared ...".
  std::string compared() {
    EXPECT_EQ(target_.ask(""), "WRITTEN");  // the wait ends, in which it allocates nothing
    return run_command({"python3", kPrograms + "compare_memory.py", answer(), said()}).out;
  }
  // That malloc_trim(0) then takes off the RSS what was told; of a few MB a page here and there is too much.
  void expect_trimmed(double at_least) {
    std::istringstream words(target_.ask("trim"));
    double before = 0, after = 0;
    words >> before >> after;
    const double told = value("malloc_trim_bytes"), was = before - after;
    std::printf("  %-20s malloc_trim(0): %.2f MB told, %.2f MB given back\n", "", told / 1e6, was / 1e6);
    EXPECT_GT(was, at_least);
    if (std::max(told, was) > 2e6) {
      EXPECT_NEAR(told / was, 1, 0.2);
    }
  }

 private:
  std::string said() const { return folder_.file("said"); }
  std::string answer() const { return folder_.file("answer"); }

  TemporaryFolder folder_;
  PythonProgram target_;
  std::string json_;
};

class MemoryOn : public testing::TestWithParam<Interpreter> {};

TEST_P(MemoryOn, IsWhatTheAllocatorsSay) {
  MemoryOf memory(GetParam().path, "fragmented");
  const std::string compared = memory.compared();
  EXPECT_EQ(compared.rfind("compared ", 0), 0u) << compared;
  EXPECT_TRUE(memory.says("\"fragmentation: ")) << "no such verdict";
  memory.expect_trimmed(10e6);
}

// Where the holes are in the arenas of threads, and where one large one lies below what is used.
TEST(MemoryTrim, GivesBackWhatIsTold) {
  for (const char* shape : {"thread_holes", "freed_below"}) {
    SCOPED_TRACE(shape);
    MemoryOf memory("/usr/bin/python3", shape);
    const std::string compared = memory.compared();
    EXPECT_EQ(compared.rfind("compared ", 0), 0u) << compared;
    memory.expect_trimmed(5e6);
  }
}

// malloc takes the main arena by mmap, in pieces, and those of threads are of another size.
TEST(MemoryOfHugePages, IsWalked) {
  setenv("GLIBC_TUNABLES", "glibc.malloc.hugetlb=2", 1);
  for (const char* shape : {"fragmented"}) {
    SCOPED_TRACE(shape);
    MemoryOf memory("/usr/bin/python3", shape);
    EXPECT_TRUE(memory.says("\"fragmentation: ")) << "its free chunks are known";
  }
  unsetenv("GLIBC_TUNABLES");
}

TEST(MemoryPinned, IsToldWithItsOwners) {
  const TemporaryFolder folder;
  const PythonProgram program("/usr/bin/python3", "memory_shapes.py", {"pinned", folder.file("said")});
  const Outcome outcome = run_command({HEAPGLASS_PROGRAM, "memory", program.target(), "--owners"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("__main__.Session of __main__.KEEP"), std::string::npos) << outcome.out;
  // Without it the arenas are empty.
  const Outcome without = run_command(
      {HEAPGLASS_PROGRAM, "memory", program.target(), "--without", "__main__.KEEP", "--format=json"});
  EXPECT_EQ(without.status, 0) << without.err;
  const std::size_t at = without.out.find("\"given_back_bytes\": ");
  ASSERT_NE(at, std::string::npos) << without.out;
  EXPECT_GT(std::stod(without.out.substr(at + 20)), 20e6) << without.out;
  EXPECT_EQ(run_command({HEAPGLASS_PROGRAM, "memory", program.target(), "--without", "app.nothing"}).status,
            2);
  // A snapshot knows what goes and how large it is, and says what it does not know.
  const std::string snapshot = folder.file("snapshot");
  ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "snapshot", program.target(), "-o", snapshot}).status, 0);
  const Outcome of_file =
      run_command({HEAPGLASS_PROGRAM, "memory", snapshot, "--without", "__main__.KEEP", "--owners"});
  EXPECT_EQ(of_file.status, 0) << of_file.err;
  const auto objects_of = [](const std::string& text) {
    const std::size_t from = text.find("without __main__.KEEP ");
    return from == std::string::npos ? text : text.substr(from, text.find(" objects go", from) - from);
  };
  const Outcome of_process =
      run_command({HEAPGLASS_PROGRAM, "memory", program.target(), "--without", "__main__.KEEP"});
  EXPECT_EQ(objects_of(of_file.out), objects_of(of_process.out));
  EXPECT_NE(of_file.out.find("a snapshot does not say: ask the process"), std::string::npos) << of_file.out;
  // How far apart they stand depends on the types of the rows below.
  EXPECT_TRUE(std::regex_search(of_file.out, std::regex("__main__\\.Session  +__main__\\.KEEP")))
      << of_file.out;
  EXPECT_EQ(run_command({HEAPGLASS_PROGRAM, "memory", snapshot, "--without", "app.nothing"}).status, 2);
}

// Another allocator in malloc's place is named and adds up.
TEST(MemoryPreloaded, IsTheAllocators) {
  const std::pair<const char*, const char*> allocators[] = {{"jemalloc", "libjemalloc.so.2"},
                                                            {"tcmalloc", "libtcmalloc_minimal.so.4"},
                                                            {"mimalloc", "libmimalloc.so.2"}};
  std::size_t met = 0;
  for (const auto& [name, library] : allocators) {
    if (!std::filesystem::exists(std::string("/usr/lib/x86_64-linux-gnu/") + library)) continue;
    ++met;
    setenv("LD_PRELOAD", library, 1);
    MemoryOf memory("/usr/bin/python3", "fragmented");
    unsetenv("LD_PRELOAD");
    EXPECT_TRUE(memory.says(std::string("\"detail\": \"") + name)) << name;
    // What is free there is not told as C code's.
    EXPECT_FALSE(memory.says("belongs to C code, " + std::string(name))) << name;
  }
  if (met == 0) GTEST_SKIP() << "left out: apt-get install libjemalloc2 brings one";
}

// Python's own mimalloc, in pymalloc's place.
TEST_P(MemoryOn, NamesMimalloc) {
  const std::string& version = GetParam().version;
  if (version.starts_with("3.7") || version.starts_with("3.8") || version.starts_with("3.9") ||
      version.starts_with("3.10") || version.starts_with("3.11") || version.starts_with("3.12"))
    GTEST_SKIP() << "before 3.13 there is none";
  setenv("PYTHONMALLOC", "mimalloc", 1);
  MemoryOf memory(GetParam().path, "objects");
  MemoryOf fragmented(GetParam().path, "fragmented");  // of blocks of any size
  unsetenv("PYTHONMALLOC");
  EXPECT_TRUE(memory.says("\"detail\": \"mimalloc, used or free\""));
  EXPECT_TRUE(memory.says("\"verdict\": \"live objects: "));
  EXPECT_TRUE(fragmented.says("\"detail\": \"mimalloc, used or free\""));
  EXPECT_TRUE(memory.says("\"category\": \"buffers of objects\", \"detail\": \"builtins.list\""));
}

INSTANTIATE_TEST_SUITE_P(Live, MemoryOn, testing::ValuesIn(interpreters_of_the_day("MemoryOn")),
                         InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(MemoryOn);

struct Shape {
  const char* name;
  const char* verdict;  // what the sentence begins with
  const char* row;      // a row that must be there
};

class MemoryShape : public testing::TestWithParam<std::tuple<Interpreter, Shape>> {};

TEST_P(MemoryShape, AddsUpAndIsNamed) {
  const auto& [interpreter, shape] = GetParam();
  MemoryOf memory(interpreter.path, shape.name);
  EXPECT_TRUE(memory.says(std::string("\"verdict\": \"") + shape.verdict));
  EXPECT_TRUE(memory.says(shape.row)) << shape.row;
  const std::string compared = memory.compared();
  EXPECT_EQ(compared.rfind("compared ", 0), 0u) << compared;
  memory.expect_trimmed(-1e6);
}

constexpr Shape kShapes[] = {
    {"small", "files: ", "\"category\": \"code and libraries\""},
    {"objects", "live objects: ", "\"detail\": \"builtins.float\""},
    {"big_strings", "live objects: ", "\"detail\": \"builtins.str\""},
    {"threads", "live objects: ", "\"category\": \"thread stacks\", \"detail\": \"thread "},
    {"maps", "live objects: ", "\"category\": \"buffers of objects\", \"detail\": \"mmap.mmap\""},
    {"sparse", "live objects: ", "\"detail\": \"mmap.mmap\""},
    {"native", "native memory: ", "\"detail\": \"malloc, blocks of C code\""},
    {"shared", "shared memory: ", "\"detail\": \"anonymous, without a name, mapped by mmap.mmap"},
    {"pinned", "fragmentation: ", "\"type\": \"__main__.Session\""},
    {"written_file",
     "native memory: ", "\"category\": \"native memory\", \"detail\": \"written pages of a private"},
};

// How pools and chunks are read is nearly the same for every version.
INSTANTIATE_TEST_SUITE_P(Live, MemoryShape,
                         testing::Combine(testing::ValuesIn(few_interpreters()), testing::ValuesIn(kShapes)),
                         [](const auto& each) {
                           return as_identifier(std::get<0>(each.param).name + "_" +
                                                std::get<1>(each.param).name);
                         });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(MemoryShape);

// What stands in memory for an unlinked file of a disk is the file's, and no shared memory; where /tmp is one
// of memory it is.
TEST(MemoryOfUnlinkedFile, IsOfItsFileSystem) {
  const Outcome type = run_command({"stat", "-f", "-c", "%T", std::filesystem::temp_directory_path()});
  const bool in_memory = type.out.starts_with("tmpfs");
  MemoryOf memory("/usr/bin/python3", "unlinked_file");
  EXPECT_TRUE(memory.says(in_memory ? "\"verdict\": \"shared memory: " : "\"verdict\": \"files: "))
      << type.out;
  EXPECT_EQ(memory.says("said.mapped (deleted)"), !in_memory);
  MemoryOf shared("/usr/bin/python3", "unlinked_in_memory");
  EXPECT_TRUE(shared.says("\"verdict\": \"shared memory: "));
}

class MemoryOfPackages : public testing::TestWithParam<Interpreter> {
 protected:
  // Whether what it needs is there, and PYTHONPATH is set; else the reason is told.
  static bool has(const std::string& program, const std::string& module) {
    const std::string packages = packages_of(GetParam(), program);
    setenv("PYTHONPATH", (kPrograms + ":" + packages).c_str(), 1);
    if (std::filesystem::exists(packages) &&
        run_command({GetParam().path, "-B", "-c", "import " + module}).status == 0)
      return true;
    std::printf("  %s: left out, it does not load from %s\n", program.c_str(), packages.c_str());
    return false;
  }
  ~MemoryOfPackages() override { unsetenv("PYTHONPATH"); }
};

// numpy's data is its arrays', small and large, some hundred MB of them; or is to be given back.
TEST_P(MemoryOfPackages, OfArraysIsTheirs) {
  if (!has("numpy_arrays", "numpy")) GTEST_SKIP() << "left out: scripts/fetch-packages brings numpy";
  for (const char* shape : {"numbers", "many_numbers", "numbers_between"}) {
    SCOPED_TRACE(shape);
    MemoryOf memory(GetParam().path, shape);
    EXPECT_TRUE(memory.says("most of numpy.ndarray;"));
    const std::string compared = memory.compared();
    EXPECT_EQ(compared.rfind("compared ", 0), 0u) << compared;
    memory.expect_trimmed(-1e6);
  }
}

// Programs that use real packages.
TEST_P(MemoryOfPackages, AddsUp) {
  const std::pair<const char*, const char*> programs[] = {
      {"flask_app", "flask"},
      {"lxml_trees", "lxml.etree"},
      {"numpy_arrays", "numpy"},
      {"pydantic_models", "pydantic_core._pydantic_core"}};
  std::size_t met = 0;
  for (const auto& [program, module] : programs) {
    SCOPED_TRACE(program);
    if (has(program, module))
      MemoryOf(GetParam().path, std::string("registry/") + program + ".py", ""), ++met;
  }
  if (met == 0) GTEST_SKIP() << "left out: scripts/fetch-packages brings them";
}

INSTANTIATE_TEST_SUITE_P(Live, MemoryOfPackages, testing::ValuesIn(few_interpreters()), InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(MemoryOfPackages);

}  // namespace
}  // namespace heapglass
