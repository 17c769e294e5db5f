// Words of captured memory, and fields by their offsets.
#pragma once

#include <cstdint>
#include <cstring>

#include "lib/base/address.h"

namespace heapglass {

// The i-th word from `p`, which need not be aligned.
inline std::uint64_t word_at(const std::byte* p, std::uint64_t i) {
  std::uint64_t w;
  std::memcpy(&w, p + i * 8, 8);
  return w;
}

inline Address at(Address base, std::int32_t offset) {
  return base + static_cast<std::uint64_t>(std::int64_t{offset});
}

}  // namespace heapglass
