#include "cmd/memory_bill_of.h"

#include <algorithm>

#include "cmd/saved_bill.h"
#include "lib/snapshot/read_recorder.h"
#include "lib/snapshot/snapshot_target.h"
#include "platform/glibc_heap.h"
#include "platform/thread_stacks.h"

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

// Who has memory to hand out, and the stacks, which are nobody's to hand out.
struct Allocators {
  Pymalloc pymalloc;
  MallocHeap malloc;
  std::vector<MemoryRange> stacks;
};

// A capture whose reads are not noted for a snapshot, and what is found in it.
struct UnrecordedView {
  explicit UnrecordedView(const Session& session) : capture(session.capture()) {
    capture.image = unrecorded_view(capture.image);
    objects.emplace(*capture.image, session.python());
  }
  Capture capture;
  std::optional<Objects> objects;
};

Allocators allocators_of(const Session& s, const UnrecordedView& in) {
  Allocators found;
  found.pymalloc = read_pymalloc(*in.objects, s.interpreters(), some_small_objects(s.graph()));
  for (const ThreadStack& t : thread_stacks(in.capture))
    found.stacks.push_back(
        {t.start, t.size, t.tid == s.target().pid() ? "main thread" : "thread " + std::to_string(t.tid)});
  std::vector<MallocArena::Range> taken;
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

std::vector<ArenaRow> arenas_of(const Session& s, const UnrecordedView& in, const Allocators& found) {
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

MemoryBill bill_of(const Session& s, const UnrecordedView& in, const Allocators& found) {
  return memory_bill({s.graph(), *in.objects, in.capture, found.pymalloc, found.malloc, found.stacks});
}

const SnapshotTarget* snapshot_of(const Session& s) {
  return dynamic_cast<const SnapshotTarget*>(&s.target());
}

}  // namespace

MemoryAccount memory_account_of(const Session& s) {
  if (snapshot_of(s)) return {memory_bill_of(s), arenas_of(s)};
  const UnrecordedView in(s);
  const Allocators found = allocators_of(s, in);
  return {bill_of(s, in, found), arenas_of(s, in, found)};
}

MemoryBill memory_bill_of(const Session& s) {
  if (const SnapshotTarget* snapshot = snapshot_of(s)) return load_bill(snapshot->file(), snapshot->facts());
  const UnrecordedView in(s);
  return bill_of(s, in, allocators_of(s, in));
}

std::vector<ArenaRow> arenas_of(const Session& s) {
  if (const SnapshotTarget* snapshot = snapshot_of(s)) return load_arenas(snapshot->file());
  const UnrecordedView in(s);
  return arenas_of(s, in, allocators_of(s, in));
}

}  // namespace heapglass
