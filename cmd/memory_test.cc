// The memory bill against what the kernel, sys._debugmallocstats(), mallinfo() and malloc_trim(0) say.

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "cmd/python_program.h"

namespace heapglass {
namespace {

// The number under a key of the document itself.
double number_of(const std::string& json, const std::string& key) {
  const std::size_t at = json.find("\n  \"" + key + "\": ");
  return at == std::string::npos ? NAN : std::stod(json.substr(at + key.size() + 6));
}

class MemoryOf {
 public:
  MemoryOf(const std::string& interpreter, const std::string& shape)
      : target_(interpreter, "memory_shapes.py", {shape, said()}) {
    const Outcome outcome = run_command(
        {HEAPGLASS_PROGRAM, "memory", target_.target(), "--limit", "0", "--format", "json", "-o", answer()});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    std::ifstream file(answer());
    json_.assign(std::istreambuf_iterator<char>(file), {});
    EXPECT_TRUE(std::abs(value("sum") / value("rss") - 1) < 0.02) << json_;
  }
  double value(const std::string& key) const { return number_of(json_, key); }
  bool says(const std::string& text) const { return json_.find(text) != std::string::npos; }
  // Differences between the answer and what the process wrote, a line each, then "compared ...".
  std::string compared() {
    EXPECT_EQ(target_.ask(""), "WRITTEN");  // the wait ends, in which it allocates nothing
    return run_command({"python3", kPrograms + "compare_memory.py", answer(), said()}).out;
  }
  // What malloc_trim(0) then takes off the RSS.
  double trimmed() {
    std::istringstream words(target_.ask("trim"));
    double before = 0, after = 0;
    words >> before >> after;
    return before - after;
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
  const double told = memory.value("malloc_trim_bytes"), was = memory.trimmed();
  EXPECT_GT(was, 10e6);
  EXPECT_NEAR(told / was, 1, 0.2) << told << " told, " << was << " given back";
}

// Where the holes are in the arenas of threads, and where one large one lies below what is used.
TEST(MemoryTrim, GivesBackWhatIsTold) {
  for (const char* shape : {"thread_holes", "freed_below"}) {
    SCOPED_TRACE(shape);
    MemoryOf memory("/usr/bin/python3", shape);
    const std::string compared = memory.compared();
    EXPECT_EQ(compared.rfind("compared ", 0), 0u) << compared;
    const double told = memory.value("malloc_trim_bytes"), was = memory.trimmed();
    EXPECT_GT(was, 5e6);
    EXPECT_NEAR(told / was, 1, 0.2) << told << " told, " << was << " given back";
  }
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
  }
  if (met == 0) GTEST_SKIP() << "left out: apt-get install libjemalloc2 brings one";
}

INSTANTIATE_TEST_SUITE_P(Live, MemoryOn, testing::ValuesIn(interpreters_of_the_day("MemoryOn")),
                         InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(MemoryOn);

struct Shape {
  const char* name;
  const char* verdict;  // what the sentence begins with
  const char* row;      // a row that must be there
};

// With the interpreter of the system alone: how pools and chunks are read is the same for every shape.
class MemoryShape : public testing::TestWithParam<Shape> {};

TEST_P(MemoryShape, AddsUpAndIsNamed) {
  MemoryOf memory("/usr/bin/python3", GetParam().name);
  EXPECT_TRUE(memory.says(std::string("\"verdict\": \"") + GetParam().verdict));
  EXPECT_TRUE(memory.says(GetParam().row)) << GetParam().row;
  const std::string compared = memory.compared();
  EXPECT_EQ(compared.rfind("compared ", 0), 0u) << compared;
}

constexpr Shape kShapes[] = {
    {"small", "files: ", "\"category\": \"code and libraries\""},
    {"objects", "live objects: ", "\"detail\": \"builtins.float\""},
    {"big_strings", "live objects: ", "\"detail\": \"builtins.str\""},
    {"threads", "live objects: ", "\"category\": \"thread stacks\", \"detail\": \"thread "},
    {"maps", "live objects: ", "\"category\": \"buffers of objects\", \"detail\": \"mmap.mmap\""},
    {"sparse", "live objects: ", "\"detail\": \"mmap.mmap\""},
    {"native", "native memory: ", "\"detail\": \"malloc, blocks of C code\""},
};

INSTANTIATE_TEST_SUITE_P(Live, MemoryShape, testing::ValuesIn(kShapes),
                         [](const auto& each) { return std::string(each.param.name); });

// numpy's data is its arrays', small and large.
TEST(Memory, OfArraysIsTheirs) {
  const std::string packages = HEAPGLASS_SOURCE_DIR "/.packages/3.11/numpy_arrays";
  if (!std::filesystem::exists(packages + "/numpy"))
    GTEST_SKIP() << "no numpy for the system's Python 3.11: scripts/fetch-packages brings it";
  setenv("PYTHONPATH", packages.c_str(), 1);
  MemoryOf memory("/usr/bin/python3", "numbers");
  unsetenv("PYTHONPATH");
  EXPECT_TRUE(memory.says("most of numpy.ndarray;"));
  const std::string compared = memory.compared();
  EXPECT_EQ(compared.rfind("compared ", 0), 0u) << compared;
}

}  // namespace
}  // namespace heapglass
