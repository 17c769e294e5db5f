// Any bytes as the arenas of pymalloc: the first byte chooses the release, 64 more change the table of arenas
// and the interpreter's state that leads to it, and the rest are the headers and blocks of pools, 64 bytes a
// pool.
#include <cstring>

#include "lib/base/page.h"
#include "lib/python/builtin_layouts.h"
#include "lib/python/fake_heap.h"
#include "lib/python/pymalloc.h"

namespace {

using namespace heapglass;

constexpr std::uint64_t kState = 0x10000, kTable = 0x20000, kArenas = 0x7f0000100000, kArenaSize = 1 << 20;
constexpr std::size_t kBytesAPool = 64, kChanges = 64, kPoolSize = 16 << 10;

// Releases whose interpreters say where their arenas are.
std::vector<std::unique_ptr<FakeHeap>> heaps() {
  std::vector<std::unique_ptr<FakeHeap>> made;
  for (const std::uint32_t version : builtin_layout_versions()) {
    auto heap = std::make_unique<FakeHeap>(version, 0, 8);
    if (heap->python.layout.PyInterpreterState.obmalloc != kAbsent) made.push_back(std::move(heap));
  }
  return made;
}

// Memory of `size` bytes of zeros, shown at `at`.
std::byte* show(Image& image, std::uint64_t at, std::size_t size) {
  const std::shared_ptr<std::byte[]> bytes(new std::byte[size]());
  image.add({.start = Address{at}, .size = size, .bytes = bytes.get(), .heap = true}, bytes);
  return bytes.get();
}

template <class T>
void put(std::byte* memory, std::int64_t offset, T what) {
  std::memcpy(memory + offset, &what, sizeof what);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto& all = *new std::vector<std::unique_ptr<FakeHeap>>(heaps());
  if (size < 1 + kChanges) return 0;
  const PyRuntime& python = all[data[0] % all.size()]->python;
  const PyLayout& l = python.layout;
  Image image;
  // Sound but for the changes: two arenas, of which as many pools are in use as there are bytes for.
  const auto state_at = static_cast<std::size_t>(l.PyInterpreterState.obmalloc);
  const std::size_t state_size = (state_at + 64 * kPage) / kPage * kPage;
  std::byte* const state = show(image, 0x4000'0000, state_size);
  std::byte* const obmalloc =
      python.rules.obmalloc_by_pointer ? show(image, kState, 8 * kPage) : state + state_at;
  if (python.rules.obmalloc_by_pointer) put(state, l.PyInterpreterState.obmalloc, kState);
  put(obmalloc, l.obmalloc_state.arenas, kTable);
  put(obmalloc, l.obmalloc_state.maxarenas, std::uint32_t{16});
  std::byte* const table = show(image, kTable, kPage);
  std::byte* const arenas = show(image, kArenas, 2 * kArenaSize);
  const std::uint64_t pools =
      std::min<std::uint64_t>((size - 1 - kChanges) / kBytesAPool, 2 * kArenaSize / kPoolSize);
  for (std::uint64_t i = 0; i < 2; ++i) {
    std::byte* const slot = table + i * static_cast<std::uint64_t>(l.arena_object.size);
    const std::uint64_t start = kArenas + i * kArenaSize, used = i ? pools / 2 : pools - pools / 2;
    put(slot, l.arena_object.address, start);
    put(slot, l.arena_object.pool_address, start + used * kPoolSize);
    put(slot, l.arena_object.ntotalpools, std::uint32_t{kArenaSize / kPoolSize});
  }
  for (std::size_t i = 0; i < kChanges; ++i) table[i] ^= static_cast<std::byte>(data[1 + i]);
  for (std::uint64_t i = 0; i < pools; ++i)
    std::memcpy(arenas + (i % 2 * kArenaSize + i / 2 * kPoolSize), data + 1 + kChanges + i * kBytesAPool,
                kBytesAPool);
  image.seal();

  const Objects objects(image, python);
  PyInterpreter interpreter{};
  interpreter.state = Address{0x4000'0000};
  const Pymalloc pymalloc = read_pymalloc(objects, {interpreter}, {});
  for (const Pymalloc::Arena& arena : pymalloc.arenas) {
    // The parts are the arena, each byte once.
    Address next = arena.start;
    each_part(objects, pymalloc, arena,
              [&](Address start, std::uint64_t bytes, std::uint64_t count, PymallocPart) {
                if (start != next || bytes == 0 || count == 0) __builtin_trap();
                next = start + bytes * count;
              });
    if (next != arena.start + arena.size) __builtin_trap();
    const ArenaSums sums = sums_of(objects, pymalloc, arena);
    if (sums.used + sums.free + sums.overhead > arena.size) __builtin_trap();
  }
  return 0;
}
