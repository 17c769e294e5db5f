// What the registers of a thread tell: system calls by number, and what it waits for there.
#pragma once

#include <sys/user.h>

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

#if defined(__x86_64__)
constexpr std::uint64_t kUserCode64 = 0x33;  // cs of 64-bit programs, whose numbers of system calls these are

// The registers that a program's own values are in.
inline std::array<std::uint64_t, 15> general_registers(const user_regs_struct& r) {
  return {r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rbp, r.r8,
          r.r9,  r.r10, r.r11, r.r12, r.r13, r.r14, r.r15};
}
#endif

}  // namespace heapglass
