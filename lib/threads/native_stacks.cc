#include "lib/threads/native_stacks.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "lib/base/address.h"

namespace heapglass {
namespace {

// ThreadRegisters::general of x86-64 has rax, rbx, rcx, rdx, rsi, rdi, rbp and r8 to r15.
FrameRegisters registers_of(const ThreadRegisters& thread) {
  FrameRegisters out;
  if (is_null(thread.instruction_pointer) || is_null(thread.stack_pointer)) return out;
  constexpr unsigned kNumbers[] = {0, 3, 2, 1, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15};
  for (std::size_t i = 0; i < std::size(kNumbers); ++i) out.set(kNumbers[i], thread.general[i]);
  out.set(FrameRegisters::kRsp, value(thread.stack_pointer));
  out.set(FrameRegisters::kRip, value(thread.instruction_pointer));
  return out;
}

const Binary* binary_at(const Binaries& binaries, Address instruction) {
  const auto found = std::find_if(binaries.begin(), binaries.end(),
                                  [&](const auto& each) { return each->has_code_at(instruction); });
  return found == binaries.end() ? nullptr : found->get();
}

NativeFrame frame_at(Address instruction, bool at_return, const Binary* binary, const Mapping* mapping) {
  NativeFrame out{.instruction = instruction};
  if (mapping) {
    out.file = mapping->path;
    out.offset = value(instruction) - value(mapping->start) + mapping->file_offset;
  }
  if (!binary) return out;
  out.file = binary->path();
  // A call that never returns may be the last instruction of its function.
  const std::uint64_t before = at_return ? 1 : 0;
  if (auto place = binary->symbols().place_of(Address{value(instruction) - before})) {
    out.function = std::move(place->function);
    out.offset = place->offset + before;
  }
  return out;
}

}  // namespace

NativeStack native_stack(const ThreadRegisters& thread, const Binaries& binaries, const Mappings& mappings,
                         const MemoryReader& memory, std::size_t most) {
  NativeStack out;
  CallerFrame frame{.registers = registers_of(thread), .was_interrupted = true};
  if (!frame.registers.knows(FrameRegisters::kRip)) {
    out.why_it_ends = "its registers are not known";
    return out;
  }
  while (true) {
    const bool at_return = !frame.was_interrupted;
    const Address instruction = frame.registers.instruction();
    const Binary* const binary = binary_at(binaries, Address{value(instruction) - (at_return ? 1 : 0)});
    const Mapping* const mapping = find_mapping(mappings, instruction);
    if (out.frames.size() == most) {
      out.why_it_ends = "more than " + std::to_string(most) + " frames";
      return out;
    }
    out.frames.push_back(frame_at(instruction, at_return, binary, mapping));
    const auto caller = binary ? binary->caller_of(frame.registers, at_return, memory) : std::nullopt;
    if (!caller) {
      out.why_it_ends = "no unwind table that holds tells what called " + to_hex(instruction);
      return out;
    }
    if (caller->is_outermost) return out;  // where a thread begins the table says so
    if (is_null(caller->registers.instruction())) {
      out.why_it_ends = "the return address of " + to_hex(instruction) + " is 0";
      return out;
    }
    // Each caller's frame lies above; only a signal handler's may lie on another stack.
    const std::uint64_t at = frame.registers.values[FrameRegisters::kRsp],
                        above = caller->registers.values[FrameRegisters::kRsp];
    if (!caller->registers.knows(FrameRegisters::kRsp) || (above <= at && !caller->was_interrupted)) {
      out.why_it_ends = "the stack is not whole above " + to_hex(Address{at});
      return out;
    }
    frame = *caller;
  }
}

}  // namespace heapglass
