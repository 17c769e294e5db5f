#include "platform/process/system_calls.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <array>
#include <cstring>

namespace heapglass {
namespace {

#if defined(__x86_64__)
constexpr Address kCode{0x10000};
constexpr std::uint64_t kPointer = 0x7f0000001000;
constexpr const char* kUnknown = "a restarted call (poll, nanosleep or futex)";

// What a restarted call with these arguments is called that comes back behind `mov $number, %eax; syscall`;
// 0: no such code is there.
ThreadRegisters named(const SystemCallArguments& arguments, std::uint32_t number = 0) {
  auto code = std::make_shared<std::array<std::byte, 64>>();
  std::byte* const end = code->data() + code->size();
  if (number) {
    end[-7] = std::byte{0xb8};
    std::memcpy(end - 6, &number, sizeof number);
  }
  Image image;
  image.add({.start = kCode, .size = code->size(), .bytes = code->data()}, code);
  image.seal();
  std::vector<ThreadRegisters> threads(1);
  threads[0].instruction_pointer = kCode + code->size();
  set_system_call(threads[0], SYS_restart_syscall, arguments[0]);
  put_arguments(arguments, threads[0].general);
  name_restarted_calls(image, threads);
  return threads[0];
}

TEST(RestartedCalls, AreNamedByTheirArguments) {
  EXPECT_EQ(named({1, 0, kPointer, kPointer}).system_call, "clock_nanosleep");
  EXPECT_EQ(named({kPointer, kPointer}).system_call, "nanosleep");
  EXPECT_EQ(named({kPointer, 3, 500}).system_call, "poll");
  const ThreadRegisters waits = named({kPointer, 0x189, 0, kPointer, 0, 0xffff'ffff});
  EXPECT_EQ(waits.system_call, "futex");
  EXPECT_EQ(waits.futex, Address{kPointer});
}

TEST(RestartedCalls, AreNamedByTheirCodeElse) {
  EXPECT_EQ(named({kPointer, 0}, SYS_nanosleep).system_call, "nanosleep");
  EXPECT_EQ(named({0, 0, 500}, SYS_poll).system_call, "poll");
  EXPECT_TRUE(is_null(named({kPointer, 0}, SYS_nanosleep).futex));
}

TEST(RestartedCalls, ThatNothingProvesAreNotGuessed) {
  EXPECT_EQ(named({kPointer, 0, 500}).system_call, kUnknown);
  EXPECT_EQ(named({kPointer, 0, 500}, SYS_read).system_call, kUnknown);
}
#endif

}  // namespace
}  // namespace heapglass
