// Heaps that are wrong in one way each: every command answers or says in one line why it cannot, soon, and
// with memory in proportion to the target.

#include <gtest/gtest.h>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

constexpr std::chrono::seconds kHang{60};  // the machine may be slow; what has no end is slower

std::uint64_t resident_bytes(const PythonProgram& target) {
  std::ifstream statm("/proc/" + target.target() + "/statm");
  std::uint64_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

// Runs a command with its peak memory.
struct Look {
  int status = -1;
  std::string err;
  std::uint64_t peak_bytes = 0;
};

Look look(const std::vector<std::string>& arguments) {
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC), err = memfd_create("err", MFD_CLOEXEC);
  Look out;
  {
    ChildProcess child(arguments, {null, null, err});
    const auto deadline = std::chrono::steady_clock::now() + kHang;
    while (std::chrono::steady_clock::now() < deadline) {
      siginfo_t info{};
      // Looked at and left for ChildProcess to wait for; VmHWM goes with the zombie.
      if (waitid(P_PID, static_cast<id_t>(child.pid()), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
          info.si_pid) {
        out.status = child.wait(std::chrono::seconds(1));
        break;
      }
      std::ifstream lines("/proc/" + std::to_string(child.pid()) + "/status");
      for (std::string line; std::getline(lines, line);)
        if (line.rfind("VmHWM:", 0) == 0)
          out.peak_bytes =
              std::max<std::uint64_t>(out.peak_bytes, std::strtoull(line.c_str() + 6, nullptr, 10) << 10);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  close(null);
  out.err = child_process_detail::contents_and_close(err);
  return out;
}

class CorruptHeap : public testing::TestWithParam<Interpreter> {};

TEST_P(CorruptHeap, EveryWayIsAnsweredOrRefusedInOneLine) {
  const TemporaryFolder folder;
  std::istringstream ways(
      run_command({GetParam().path, "-W", "ignore", kPrograms + "corrupt_heap.py", "--list"}).out);
  unsigned count = 0, answered = 0, looks = 0;
  // In CI a third of the ways each day: all of them take minutes for each interpreter.
  const char* const day = std::getenv("HEAPGLASS_TEST_DAY");
  const bool all = !day || !*day;
  const unsigned long turn = all ? 0 : std::strtoul(day, nullptr, 10) % 3;
  for (std::string way; std::getline(ways, way); ++count) {
    if (!all && count % 3 != turn) continue;
    const PythonProgram target(GetParam().path, "corrupt_heap.py", {way});
    const std::uint64_t most = 3 * resident_bytes(target) + (500u << 20);
    for (const char* command : {"histogram", "leaks", "memory", "stacks", "garbage", "snapshot"}) {
      std::vector<std::string> arguments{HEAPGLASS_PROGRAM, command, target.target()};
      if (std::string_view(command) == "snapshot") {
        arguments.push_back("-o");
        arguments.push_back(folder.file("snapshot"));
      }
      const Look seen = look(arguments);
      const std::string of = way + ", " + command + ": ";
      EXPECT_GE(seen.status, 0) << of << "a hang";
      EXPECT_LE(seen.status, 5) << of << "ended by a signal, or an internal error: " << seen.err;
      if (seen.status > 0) {
        EXPECT_EQ(std::count(seen.err.begin(), seen.err.end(), '\n'), 1) << of << seen.err;
      }
      EXPECT_LT(seen.peak_bytes, most) << of << "took too much memory";
      ++looks;
      answered += seen.status == 0;
    }
  }
  EXPECT_GE(count, 68u);
  std::cout << count << " ways, " << looks << " looks, " << answered << " answered\n";
}

INSTANTIATE_TEST_SUITE_P(FewPythons, CorruptHeap, testing::ValuesIn(few_interpreters()), InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(CorruptHeap);

// The same damage seen through a snapshot, whose reading trusts it no more.
TEST(CorruptHeapSnapshot, IsReadAgain) {
  if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
  const TemporaryFolder folder;
  for (const char* way : {"all_next", "all_wild", "all_huge", "gc_next_back", "shared_items"}) {
    const PythonProgram target(supported_interpreters().back().path, "corrupt_heap.py", {way});
    const std::string file = folder.file(way);
    const Outcome made =
        run_command({HEAPGLASS_PROGRAM, "snapshot", target.target(), "-o", file}, "", "", kHang);
    if (made.status != 0) continue;
    for (const char* command : {"histogram", "leaks", "stacks"}) {
      const Outcome read = run_command({HEAPGLASS_PROGRAM, command, file}, "", "", kHang);
      EXPECT_GE(read.status, 0) << way << ", " << command;
      EXPECT_LE(read.status, 5) << way << ", " << command << read.err;
    }
  }
}

}  // namespace
}  // namespace heapglass
