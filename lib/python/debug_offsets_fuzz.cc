// Any bytes as the start of a _PyRuntime, and the layout that comes of it.
#include <cstring>

#include "lib/python/debug_offsets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace heapglass;
  struct Bytes final : MemoryReader {
    std::span<const std::uint8_t> all;
    bool read(Address from, std::span<std::byte> to) const override {
      const std::uint64_t at = value(from) - 0x1000;
      if (at > all.size() || to.size() > all.size() - at) return false;
      if (!to.empty()) std::memcpy(to.data(), all.data() + at, to.size());
      return true;
    }
  } memory;
  memory.all = {data, size};
  const auto offsets = read_debug_offsets(memory, Address{0x1000});
  if (!offsets) return 0;
  for (const auto& [name, layout] : offsets->structs)
    for (const auto& [field, place] : layout.fields)
      if (place.offset > 64u << 20) __builtin_trap();  // no struct is larger
  return 0;
}
