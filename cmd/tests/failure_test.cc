#include "cmd/failure.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <new>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "cmd/tests/python_program.h"
#include "lib/base/error.h"

namespace heapglass {
namespace {

struct Told {
  int code = 0;
  std::string text;
};

template <class Failure>
Told told_of(const Failure& failure) {
  Told told;
  testing::internal::CaptureStderr();
  told.code = report_failure(std::make_exception_ptr(failure));
  told.text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(told.text.begin(), told.text.end(), '\n'), 1) << told.text;
  return told;
}

TEST(Failure, OfOursIsAnInternalError) {
  for (const Told& told :
       {told_of(std::logic_error("a \x1b thing\n")), told_of(std::length_error("vector")),
        told_of(std::runtime_error("x")), told_of(std::out_of_range("map::at")), told_of(17)}) {
    EXPECT_EQ(told.code, 70) << told.text;
    EXPECT_EQ(told.text.rfind("heapglass: internal error: ", 0), 0u) << told.text;
    EXPECT_NE(told.text.find("please report this line"), std::string::npos) << told.text;
    EXPECT_EQ(told.text.find('\x1b'), std::string::npos) << told.text;
  }
}

TEST(Failure, OfTheHostIsNone) {
  const Told usage = told_of(Error(ErrorKind::kUsage, "what", "what to do"));
  EXPECT_EQ(usage.code, 2);
  EXPECT_EQ(usage.text, "heapglass: what (what to do)\n");
  const Told memory = told_of(std::bad_alloc());
  EXPECT_EQ(memory.code, 3);
  EXPECT_NE(memory.text.find("not enough memory"), std::string::npos) << memory.text;
  EXPECT_EQ(told_of(std::system_error(EAGAIN, std::generic_category())).code, 3);
  EXPECT_EQ(told_of(std::system_error(EDEADLK, std::generic_category())).code, 70);
  EXPECT_EQ(
      told_of(std::filesystem::filesystem_error("x", std::make_error_code(std::errc::permission_denied)))
          .code,
      5);
}

// Ends the process: 0 when an exception passed a frame of the C library (std::call_once's) with no memory
// left.
[[noreturn]] void throw_without_memory() {
  load_unwinder();
  int code = 3;
  std::thread([&code] {  // as what opens a heap is one; the first thread has some memory left even then
    const rlimit none = {1 << 20, 1 << 20};  // less than there is: what is mapped stays, nothing is added
    if (setrlimit(RLIMIT_AS, &none) != 0) return;
    for (std::size_t size = std::size_t{1} << 20; size >= 16; size /= 2)
      while (std::malloc(size) != nullptr) {  // leaked: the process ends
      }
    try {
      std::once_flag once;
      std::call_once(once, [] { throw std::bad_alloc(); });
    } catch (const std::bad_alloc&) {
      code = 0;
    }
  })
      .join();
  _exit(code);
}

TEST(FailureDeathTest, OfMemoryPassesTheCLibrary) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer needs address space of its own";
#endif
  testing::GTEST_FLAG(death_test_style) = "threadsafe";  // in a program started anew: nothing unwound before
  EXPECT_EXIT(throw_without_memory(), testing::ExitedWithCode(0), "^$");
}

// While a query goes on for ever, a fault is sent to it.
class Crash : public testing::TestWithParam<int> {};

TEST_P(Crash, SaysSoAndEndsWithItsSignal) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers report crashes themselves";
#endif
  if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
  const TemporaryFolder folder;
  const std::string file = folder.file("moment.hg");
  {
    const PythonProgram target(supported_interpreters().back().path, "holders.py");
    ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "snapshot", target.target(), "-o", file}).status, 0);
  }
  const Outcome outcome = run_command(
      {"sh", "-c",
       "ulimit -c 0; \"$0\" query \"$1\" 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
       "SELECT count(*) FROM n' & sleep 2; kill -s $2 $!; wait $!; echo $?",
       HEAPGLASS_PROGRAM, file, std::to_string(GetParam())});
  EXPECT_EQ(outcome.out, std::to_string(128 + GetParam()) + "\n") << outcome.err;
  EXPECT_EQ(outcome.err.rfind("heapglass: internal error: SIG", 0), 0u) << outcome.err;
  EXPECT_NE(outcome.err.find("please report this line"), std::string::npos) << outcome.err;
}

INSTANTIATE_TEST_SUITE_P(Signals, Crash, testing::Values(SIGSEGV, SIGABRT, SIGBUS),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace heapglass
