// Any bytes as the memory of a process that has glibc's main arena: in the C library's data, and a heap.
#include <cstring>

#include "lib/memory/glibc/glibc_heap.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace heapglass;
  constexpr std::uint64_t kLibrary = 0x7f0000000000, kHeap = 0x555000000000, kMost = 1 << 16;
  if (size < 16) return 0;
  // Half is the library's data, half the heap; pages are whole.
  const auto pages = [](std::size_t n) { return (n + 4095) / 4096 * 4096; };
  const std::size_t half = std::min<std::size_t>(size / 2 / 8 * 8, kMost);
  Capture capture;
  capture.image = std::make_shared<Image>();
  const auto add = [&](std::uint64_t at, const std::uint8_t* from, std::size_t n, const char* path) {
    const std::size_t room = pages(n);
    const std::shared_ptr<std::byte[]> bytes(new std::byte[room]());
    std::memcpy(bytes.get(), from, n);
    capture.image->add({.start = Address{at}, .size = room, .bytes = bytes.get(), .heap = true}, bytes);
    Mapping m;
    m.start = Address{at};
    m.end = Address{at + room};
    m.readable = m.writable = true;
    m.path = path;
    if (path[0] == '/') m.inode = 7;
    capture.mappings.push_back(m);
  };
  add(kHeap, data + half, std::min<std::size_t>(size - half, kMost), "[heap]");
  add(kLibrary, data, half, "/usr/lib/x86_64-linux-gnu/libc.so.6");
  capture.image->seal();
  const MallocHeap heap = read_glibc_heap(capture, {});
  std::uint64_t chunks = heap.mapped.size();
  for (const MallocArena& arena : heap.arenas) chunks += arena.chunks.size();
  if (chunks > 2 * size + 1000) __builtin_trap();
  return 0;
}
