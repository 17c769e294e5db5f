#include "cmd/memory_bill_of.h"

#include <algorithm>

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

MemoryBill memory_bill_of(Session& s) {
  const Pymalloc pymalloc = read_pymalloc(s.objects(), s.interpreters(), some_small_objects(s.graph()));
  std::vector<MemoryRange> stacks;
  for (const ThreadStack& t : thread_stacks(s.capture()))
    stacks.push_back(
        {t.start, t.size, t.tid == s.target().pid() ? "main thread" : "thread " + std::to_string(t.tid)});
  std::vector<MallocArena::Range> taken;
  for (const Pymalloc::Arena& a : pymalloc.arenas) taken.push_back({a.start, a.size});
  for (const MemoryRange& t : stacks) taken.push_back({t.start, t.size});
  std::sort(taken.begin(), taken.end(), [](const auto& a, const auto& b) { return a.start < b.start; });
  const MallocHeap malloc = read_glibc_heap(s.capture(), taken);
  return memory_bill({s.graph(), s.objects(), s.capture(), pymalloc, malloc, stacks});
}

}  // namespace heapglass
