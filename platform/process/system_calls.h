// What the registers of a thread tell: system calls by number, and what it waits for there.
#pragma once

#include <sys/user.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "lib/target/capture.h"

namespace heapglass {

// Its name where it is one that threads wait in, "system call 123" else; empty below 0, which stands for
// none.
std::string system_call_name(long number);

// Fills in what a thread in call `number`, whose first argument is `argument`, waits for.
void set_system_call(ThreadRegisters& thread, long number, std::uint64_t argument);

// Which call it was that goes on as restart_syscall after a signal or a stop, where arguments or code prove
// it; else what it may have been is said. `threads` are those of the image.
void name_restarted_calls(const Image& image, std::vector<ThreadRegisters>& threads);

using SystemCallArguments = std::array<std::uint64_t, 6>;

#if defined(__x86_64__)
constexpr std::uint64_t kUserCode64 = 0x33;  // cs of 64-bit programs, whose numbers of system calls these are

// The registers that a program's own values are in.
inline std::array<std::uint64_t, 15> general_registers(const user_regs_struct& r) {
  return {r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rbp, r.r8,
          r.r9,  r.r10, r.r11, r.r12, r.r13, r.r14, r.r15};
}

// Arguments of a system call, in their order, and the registers as above that have them.
inline SystemCallArguments arguments_in(const decltype(ThreadRegisters::general)& general) {
  return {general[5], general[4], general[3], general[9], general[7], general[8]};
}
inline void put_arguments(const SystemCallArguments& arguments, decltype(ThreadRegisters::general)& general) {
  const user_regs_struct registers{.r10 = arguments[3],
                                   .r9 = arguments[5],
                                   .r8 = arguments[4],
                                   .rdx = arguments[2],
                                   .rsi = arguments[1],
                                   .rdi = arguments[0]};
  const auto all = general_registers(registers);
  std::copy(all.begin(), all.end(), general.begin());
}
#endif

}  // namespace heapglass
