#include "lib/memory/memory_account.h"

#include <algorithm>

#include "lib/memory/glibc_heap.h"
#include "lib/memory/thread_stacks.h"

namespace heapglass {
namespace {

// Objects from all over the heap that can lie in pymalloc's pools.
std::vector<Address> some_small_objects(const HeapGraph& graph) {
  constexpr std::uint32_t kSome = 512;
  std::vector<Address> some;
  const std::uint32_t step = std::max<std::uint32_t>(graph.nodes() / kSome, 1);
  for (std::uint32_t n = 0; n < graph.nodes(); n += step)
    if (graph.size[n] <= 512) some.push_back(graph.index->address(NodeId{n}));
  return some;
}

// The allocators, and the stacks of threads, which no allocator hands out.
struct Allocators {
  Pymalloc pymalloc;
  MallocHeap malloc;
  std::vector<MemoryRange> stacks;
};

// A capture whose reads are not noted for a snapshot, and what is found in it.
struct UnrecordedView {
  explicit UnrecordedView(const Heap& heap) : capture(heap.capture()) {
    capture.image = unrecorded_view(capture.image);
    objects.emplace(*capture.image, heap.python());
  }
  Capture capture;
  std::optional<Objects> objects;
};

Allocators allocators_of(const Heap& s, const UnrecordedView& in) {
  Allocators found;
  found.pymalloc = read_pymalloc(*in.objects, s.interpreters(), some_small_objects(s.graph()));
  for (const ThreadStack& t : thread_stacks(in.capture))
    found.stacks.push_back(
        {t.start, t.size, t.tid == s.target().pid() ? "main thread" : "thread " + std::to_string(t.tid)});
  std::vector<MallocArena::Range> taken;
  taken.reserve(found.pymalloc.arenas.size());
  for (const Pymalloc::Arena& a : found.pymalloc.arenas) taken.push_back({a.start, a.size});
  for (const MemoryRange& t : found.stacks) taken.push_back({t.start, t.size});
  std::sort(taken.begin(), taken.end(), [](const auto& a, const auto& b) { return a.start < b.start; });
  found.malloc = read_glibc_heap(in.capture, taken);
  return found;
}

// Objects that start in [start, start + size).
std::uint64_t objects_in(const AddressIndex& index_of, Address start, std::uint64_t size) {
  const auto before = [&](Address a) {  // how many objects are below
    std::uint32_t low = 0, high = index_of.count();
    while (low < high) {
      const std::uint32_t middle = low + (high - low) / 2;
      if (index_of.address(NodeId{middle}) < a)
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  };
  return before(start + size) - before(start);
}

void add_chunks(const MallocArena& arena, ArenaRow& row) {
  row.used = row.free = row.overhead = 0;
  for (const MallocChunk& chunk : arena.chunks) {
    if (chunk.state == ChunkState::kUsed)
      *row.used += chunk.size;
    else if (chunk.state == ChunkState::kOverhead)
      *row.overhead += chunk.size;
    else if (chunk.state != ChunkState::kUncertain)
      *row.free += chunk.size;
  }
}

std::vector<ArenaRow> arenas_of(const Heap& s, const UnrecordedView& in, const Allocators& found) {
  std::vector<ArenaRow> rows;
  for (const Pymalloc::Arena& arena : found.pymalloc.arenas) {
    const ArenaSums sums = sums_of(*in.objects, found.pymalloc, arena);
    rows.push_back({"pymalloc", arena.start, arena.size, sums.used, sums.free, sums.overhead,
                    objects_in(*s.graph().index, arena.start, arena.size)});
  }
  for (const MallocArena& arena : found.malloc.arenas) {
    ArenaRow row{found.malloc.name, arena.address, arena.system_bytes, {}, {}, {}, {}};
    if (!arena.chunks.empty()) add_chunks(arena, row);
    rows.push_back(std::move(row));
  }
  return rows;
}

MemoryBill bill_of(const Heap& s, const UnrecordedView& in, const Allocators& found) {
  return memory_bill({s.graph(), *in.objects, in.capture, found.pymalloc, found.malloc, found.stacks});
}

}  // namespace

MemoryAccount compute_memory_account(const Heap& heap) {
  const UnrecordedView in(heap);
  const Allocators found = allocators_of(heap, in);
  return {bill_of(heap, in, found), arenas_of(heap, in, found)};
}

MemoryBill compute_memory_bill(const Heap& heap) {
  const UnrecordedView in(heap);
  return bill_of(heap, in, allocators_of(heap, in));
}

std::vector<ArenaRow> compute_arenas(const Heap& heap) {
  const UnrecordedView in(heap);
  return arenas_of(heap, in, allocators_of(heap, in));
}

}  // namespace heapglass
