// The machine code that a thread is in: from the instruction where it stands to the function that began it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/target/binary.h"
#include "lib/target/capture.h"
#include "lib/target/memory_reader.h"

namespace heapglass {

struct NativeFrame {
  Address instruction{};  // where it stands, or goes on when what it called returns
  std::string function;   // empty: no symbol holds it, as in stripped files
  std::uint64_t offset =
      0;             // of the instruction, from the start of the function; without one, of the file's mapping
  std::string file;  // path as the target sees it; empty: it is in none
};

struct NativeStack {
  std::vector<NativeFrame> frames;  // innermost first
  // Why it ends before the function that began the thread: "no unwind table for 0x7f.. (libfoo.so)". Empty:
  // it does not.
  std::string why_it_ends;
};

// By the unwind tables of the files and the thread's registers, at most `most` frames; memory is hostile:
// whatever is on the stack, it ends. Of x86-64 alone.
NativeStack native_stack(const ThreadRegisters& thread, const Binaries& binaries, const Mappings& mappings,
                         const MemoryReader& memory, std::size_t most);

}  // namespace heapglass
