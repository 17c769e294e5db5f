// Hashes that only who has the key can compute: SipHash-2-4 with 64 bits (Aumasson and Bernstein 2012;
// LLVM's).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace heapglass {

using HashKey = std::array<std::uint8_t, 16>;

std::uint64_t keyed_hash(const HashKey& key, std::string_view bytes);

}  // namespace heapglass
