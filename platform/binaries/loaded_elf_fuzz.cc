// Any bytes as the memory of a library whose file is gone.
#include <cstdint>
#include <cstring>

#include "platform/binaries/loaded_elf.h"

namespace {

struct Bytes final : heapglass::MemoryReader {
  std::span<const std::uint8_t> all;
  bool read(heapglass::Address from, std::span<std::byte> to) const override {
    const std::uint64_t at = value(from) - 0x400000;
    if (at > all.size() || to.size() > all.size() - at) return false;
    if (!to.empty()) std::memcpy(to.data(), all.data() + at, to.size());
    return true;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace heapglass;
  Bytes memory;
  memory.all = {data, size};
  Mapping first;
  first.start = Address{0x400000};
  first.end = first.start + (size + 4095) / 4096 * 4096;
  first.path = "/lib/gone.so";
  std::string why;
  if (const auto file = read_loaded_elf(memory, first, why)) {
    file->symbols(ElfFile::Table::kDynamic, [&](const ElfSymbol& s) {
      if (s.name.size() > size) __builtin_trap();
    });
    (void)file->build_id();
  } else if (why.empty()) {
    __builtin_trap();
  }
  return 0;
}
