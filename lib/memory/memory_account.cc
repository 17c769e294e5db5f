#include "lib/memory/memory_account.h"

#include <algorithm>
#include <functional>

#include "lib/base/error.h"
#include "lib/memory/c_allocators.h"
#include "lib/memory/thread_stacks.h"
#include "lib/tracemalloc/tracemalloc_tables.h"

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

// The stacks of threads, which no allocator hands out.
std::vector<MemoryRange> stacks_of(const Capture& capture, std::int32_t pid) {
  std::vector<MemoryRange> stacks;
  for (const ThreadStack& t : thread_stacks(capture))
    stacks.push_back({t.start, t.size, t.tid == pid ? "main thread" : "thread " + std::to_string(t.tid)});
  return stacks;
}

struct AllocatorsAndStacks : Allocators {
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

AllocatorsAndStacks allocators_of(const Heap& s, const UnrecordedView& in) {
  const Allocators found =
      read_allocators(in.capture, *in.objects, s.interpreters(), some_small_objects(s.graph()));
  return {found, stacks_of(in.capture, s.target().pid())};
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

std::vector<ArenaRow> arenas_of(const Heap& s, const UnrecordedView& in, const AllocatorsAndStacks& found) {
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

// The objects that go with the owners of this name.
std::vector<bool> dropped_with(const Heap& s, const std::string& path) {
  std::vector<bool> dropped(s.graph().nodes());
  bool any = false;
  for (const Owner& owner : s.owners().owners)
    if (owner.path == path && owner.node != kNoNode) any = dropped[index(owner.node)] = true;
  if (!any) {
    std::string near;
    std::size_t told = 0;
    for (const Owner& owner : s.owners().owners)
      if (told < 5 && owner.node != kNoNode && owner.path.find(path) != std::string::npos)
        near += (told++ ? ", " : "") + owner.path;
    throw Error(
        ErrorKind::kUsage, "no owner is called '" + path + "'",
        near.empty() ? "leaks and diff name owners: app.cache, app.service.sessions" : "there are " + near);
  }
  for (const NodeId n : s.dominators().order())
    if (const NodeId above = s.dominators().dominator(n); above != kNoNode && dropped[index(above)])
      dropped[index(n)] = true;
  return dropped;
}

// Names of owners are read of the heap's own image, where it is noted what is read.
enum class OwnersOfPins { kNamed, kLeftOut };

MemoryBill bill_of(const Heap& s, const UnrecordedView& in, const AllocatorsAndStacks& found,
                   OwnersOfPins owners) {
  const std::optional<ResidentMemory> memory = s.target().resident_memory();
  const std::vector<SharedMapping> shared = memory ? memory->shared_mappings : std::vector<SharedMapping>{};
  return memory_bill({s.graph(), *in.objects, in.capture, found.pymalloc, found.malloc, found.stacks, shared,
                      owners == OwnersOfPins::kNamed ? owner_names(s) : std::function<std::string(NodeId)>(),
                      tracemalloc_blocks(*in.objects)});
}

}  // namespace

Allocators read_allocators(const Capture& capture, const Objects& objects,
                           const std::vector<PyInterpreter>& interpreters,
                           const std::vector<Address>& small_objects) {
  Allocators found;
  found.pymalloc = read_pymalloc(objects, interpreters, small_objects);
  std::vector<MallocArena::Range> taken;
  taken.reserve(found.pymalloc.arenas.size());
  for (const Pymalloc::Arena& a : found.pymalloc.arenas) taken.push_back({a.start, a.size});
  for (const ThreadStack& t : thread_stacks(capture)) taken.push_back({t.start, t.size});
  std::sort(taken.begin(), taken.end(), [](const auto& a, const auto& b) { return a.start < b.start; });
  found.malloc = read_malloc_heap(capture, taken);
  return found;
}

std::function<std::string(NodeId)> owner_names(const Heap& s) {
  if (s.graph().nodes() == 0 || s.graph().first_edge.empty()) return {};
  return [&s](NodeId n) {
    const Owners& owners = s.owners();
    const std::uint32_t row = owners.of[index(n)];
    return row == Owner::kNone ? std::string() : owners.owners[row].path;
  };
}

MemoryAccount compute_memory_account(const Heap& heap) {
  const UnrecordedView in(heap);
  const AllocatorsAndStacks found = allocators_of(heap, in);
  return {bill_of(heap, in, found, OwnersOfPins::kLeftOut), arenas_of(heap, in, found)};
}

WithoutOwner memory_without(const Heap& heap, const std::string& path) {
  const std::vector<bool> dropped = dropped_with(heap, path);
  if (heap.snapshot()) {
    WithoutOwner out{.gives_back_known = false};
    for (std::uint32_t n = 0; n < heap.graph().nodes(); ++n)
      if (dropped[n]) {
        ++out.objects;
        out.bytes.freed += heap.graph().all_bytes(n);
      }
    return out;
  }
  const UnrecordedView in(heap);
  const AllocatorsAndStacks found = allocators_of(heap, in);
  std::vector<Residency::Run> runs;
  if (in.capture.residency) {
    runs = in.capture.residency->runs;
  } else {
    for (const Image::Segment& s : in.capture.image->segments()) runs.push_back({s.start, s.size});
  }
  const MemoryParts parts = partition_memory(heap.graph(), *in.objects, found.pymalloc, found.malloc, true);
  WithoutOwner out;
  out.objects = static_cast<std::uint64_t>(std::count(dropped.begin(), dropped.end(), true));
  out.bytes = bytes_without(heap.graph(), parts, found.pymalloc, runs, dropped);
  out.trimmed_now = bill_of(heap, in, found, OwnersOfPins::kLeftOut).malloc_trim_bytes;
  return out;
}

MemoryParts compute_memory_parts(const Heap& heap) {
  const UnrecordedView in(heap);
  const AllocatorsAndStacks found = allocators_of(heap, in);
  return partition_memory(heap.graph(), *in.objects, found.pymalloc, found.malloc, true);
}

MemoryBill compute_memory_bill(const Heap& heap) {
  const UnrecordedView in(heap);
  return bill_of(heap, in, allocators_of(heap, in),
                 heap.parts().recorder ? OwnersOfPins::kLeftOut : OwnersOfPins::kNamed);
}

std::vector<ArenaRow> compute_arenas(const Heap& heap) {
  const UnrecordedView in(heap);
  return arenas_of(heap, in, allocators_of(heap, in));
}

}  // namespace heapglass
