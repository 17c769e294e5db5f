// A named cap on everything whose size the target states.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heapglass {

struct Limits {
  std::uint64_t address_end = std::uint64_t{1} << 47;  // user space of x86-64 and aarch64 with 4-level tables
  std::size_t name_bytes = 4096;                       // a type's, symbol's or file's name
  std::uint64_t types = 4'000'000;                     // distinct types of a process
  std::uint64_t threads = 100'000;
  std::uint64_t interpreters = 10'000;
  std::uint64_t frames = 4'000'000;  // of all threads
  std::uint64_t base_chain = 1'000;  // tp_base links from a type up to object
};

}  // namespace heapglass
