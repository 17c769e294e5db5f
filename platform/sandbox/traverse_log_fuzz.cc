// Any words as what a copied process wrote, whose code may be hostile.
#include <cstring>

#include "platform/sandbox/traverse_log.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace heapglass;
  constexpr std::uint64_t kMost = 16, kAvailable = 9;
  TraverseLog records(kMost);
  std::uint64_t next = 0;
  for (; size >= 8; data += 8, size -= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, data, sizeof word);
    const auto verdict =
        records.take(word, kAvailable, [&](std::uint64_t index, int, std::span<const Address> referents) {
          if (index != next++ || index >= kAvailable || referents.size() > kMost) __builtin_trap();
        });
    if (records.referents() > kMost) __builtin_trap();
    if (verdict == TraverseLog::Verdict::kBroken) break;
  }
  return 0;
}
