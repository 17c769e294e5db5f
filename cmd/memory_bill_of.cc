#include "cmd/memory_bill_of.h"

#include <algorithm>

#include "cmd/saved_bill.h"
#include "lib/snapshot/snapshot_target.h"
#include "lib/snapshot/touched_pages.h"
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

}  // namespace

MemoryBill memory_bill_of(const Session& s) {
  if (const auto* const snapshot = dynamic_cast<const SnapshotTarget*>(&s.target()))
    return load_bill(snapshot->file(), snapshot->facts());
  Capture capture = s.capture();
  capture.image = unnoted(capture.image);
  const Objects objects(*capture.image, s.python());
  const Pymalloc pymalloc = read_pymalloc(objects, s.interpreters(), some_small_objects(s.graph()));
  std::vector<MemoryRange> stacks;
  for (const ThreadStack& t : thread_stacks(capture))
    stacks.push_back(
        {t.start, t.size, t.tid == s.target().pid() ? "main thread" : "thread " + std::to_string(t.tid)});
  std::vector<MallocArena::Range> taken;
  for (const Pymalloc::Arena& a : pymalloc.arenas) taken.push_back({a.start, a.size});
  for (const MemoryRange& t : stacks) taken.push_back({t.start, t.size});
  std::sort(taken.begin(), taken.end(), [](const auto& a, const auto& b) { return a.start < b.start; });
  const MallocHeap malloc = read_glibc_heap(capture, taken);
  return memory_bill({s.graph(), objects, capture, pymalloc, malloc, stacks});
}

}  // namespace heapglass
