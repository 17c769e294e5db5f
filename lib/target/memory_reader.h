// The narrow reader: bytes of a target, apart from where they come from (live process, captured image, core,
// test).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <type_traits>

#include "lib/base/address.h"

namespace heapglass {

struct MemoryReader {
  virtual ~MemoryReader() = default;
  // All of `to`, or false and `to` is unspecified. Never throws, whatever the address.
  virtual bool read(Address from, std::span<std::byte> to) const = 0;
};

template <class T>
requires std::is_trivially_copyable_v<T> std::optional<T> read_as(const MemoryReader& memory, Address from) {
  T out;
  if (!memory.read(from, std::as_writable_bytes(std::span(&out, 1)))) return std::nullopt;
  return out;
}

// A NUL-terminated string of at most `limit` bytes; nullopt where it cannot be read or does not end.
std::optional<std::string> read_c_string(const MemoryReader& memory, Address from, std::size_t limit);

}  // namespace heapglass
