// What an allocator took from the system, and what became of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lib/base/address.h"

namespace heapglass {

// What an allocator has of the system, as the table of them shows it. Bytes; nullopt: not known, as what
// malloc has handed out in a core without the kernel's names of its mappings.
struct ArenaRow {
  std::string allocator;  // "pymalloc"
  Address start{};
  std::uint64_t size = 0;
  std::optional<std::uint64_t> used;  // handed out; of pymalloc in blocks
  std::optional<std::uint64_t> free, overhead;
  std::optional<std::uint64_t> objects;  // that lie in it, where it is one piece of memory
};

}  // namespace heapglass
