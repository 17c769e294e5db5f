// Any bytes as memory with a table of tracemalloc's at its start; the first byte chooses the release.
#include <cstring>

#include "lib/python/builtin_layouts.h"
#include "lib/python/fake_heap.h"
#include "lib/tracemalloc/tracemalloc_tables.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace heapglass;
  static auto& heaps = *new std::vector<std::unique_ptr<FakeHeap>>([] {
    std::vector<std::unique_ptr<FakeHeap>> made;
    for (const std::uint32_t version : builtin_layout_versions())
      made.push_back(std::make_unique<FakeHeap>(version, 0, 8));
    return made;
  }());
  if (size < 9) return 0;
  const FakeHeap& heap = *heaps[data[0] % heaps.size()];
  constexpr std::uint64_t kStart = 0x10000;
  const std::size_t room = (size + 4095) / 4096 * 4096;
  const std::shared_ptr<std::byte[]> bytes(new std::byte[room]());
  std::memcpy(bytes.get(), data + 1, size - 1);
  Image image;
  image.add({.start = Address{kStart}, .size = room, .bytes = bytes.get(), .heap = true}, bytes);
  image.seal();
  const Objects objects(image, heap.python);
  std::uint64_t entries = 0;
  (void)each_entry(objects, Address{kStart}, [&](const TableEntry&) { return ++entries < 1 << 20; });
  if (entries > room) __builtin_trap();  // an entry has words of its own
  return 0;
}
