#include "lib/memory/c_allocators.h"

#include "lib/memory/glibc/glibc_heap.h"

namespace heapglass {
namespace {

struct Allocator {
  const char* name;  // as rows and verdicts call it
  // Part of the file name, or of the name of the mappings, of one that is a library of its own; null: it is
  // the C library's.
  const char* library;
  // Without arenas where it is not in the process. Null: its blocks cannot be read, it is only named.
  MallocHeap (*read)(const Capture&, const std::vector<MallocArena::Range>& taken);
};

constexpr Allocator kAllocators[] = {
    {"glibc malloc", nullptr, read_glibc_heap}, {"jemalloc", "jemalloc", nullptr},
    {"mimalloc", "mimalloc", nullptr},          {"tcmalloc", "tcmalloc", nullptr},
    {"valgrind", "vgpreload_", nullptr},
};

}  // namespace

MallocHeap read_malloc_heap(const Capture& capture, const std::vector<MallocArena::Range>& taken) {
  for (const Allocator& each : kAllocators) {
    if (!each.read) continue;
    MallocHeap heap = each.read(capture, taken);
    if (heap.arenas.empty()) continue;
    heap.name = each.name;
    return heap;
  }
  return {};
}

std::string unread_allocator(const Mappings& mappings) {
  for (const Allocator& each : kAllocators) {
    if (each.read) continue;
    for (const Mapping& m : mappings)
      if (m.path.find(each.library, m.path.rfind('/') + 1) != std::string::npos) return each.name;
  }
  return {};
}

}  // namespace heapglass
