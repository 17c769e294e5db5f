// Frames of machine code, as the unwind tables of programs and libraries tell them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "lib/base/address.h"

namespace heapglass {

// What a function has in its registers, by DWARF's numbers for x86-64: rax, rdx, rcx, rbx, rsi, rdi, rbp,
// rsp, r8 to r15, and the instruction pointer.
struct FrameRegisters {
  static constexpr unsigned kRsp = 7, kRip = 16, kCount = 17;

  std::array<std::uint64_t, kCount> values{};
  std::uint32_t known = 0;  // a bit for each

  bool knows(unsigned number) const { return number < kCount && (known >> number & 1) != 0; }
  void set(unsigned number, std::uint64_t value) {
    values[number] = value;
    known |= 1u << number;
  }
  Address instruction() const { return Address{values[kRip]}; }
};

struct CallerFrame {
  FrameRegisters registers;
  // A signal interrupted it: its instruction pointer is where it goes on, and no return address behind a
  // call.
  bool was_interrupted = false;
  bool is_outermost =
      false;  // there is none: the frame is the first of its thread, and `registers` say nothing
};

}  // namespace heapglass
