#include "lib/python/collecting.h"

#include <algorithm>

namespace heapglass {

Address gc_state_of(const PyRuntime& python, Address interpreter) {
  const PyLayout& l = python.layout;
  if (l.PyInterpreterState.gc != kAbsent)
    return interpreter + static_cast<std::uint64_t>(l.PyInterpreterState.gc);
  if (l.PyRuntimeState.gc != kAbsent) return python.runtime + static_cast<std::uint64_t>(l.PyRuntimeState.gc);
  return {};
}

std::vector<Address> collecting_flags(const MemoryReader& memory, const PyRuntime& python,
                                      const Limits& limits) {
  const PyLayout& l = python.layout;
  std::vector<Address> flags;
  if (l.gc_runtime_state.collecting == kAbsent || l.PyRuntimeState.interpreters_head == kAbsent) return flags;
  auto pointer = [&](Address base, std::int32_t offset) {
    return read_as<Address>(memory, base + static_cast<std::uint64_t>(offset)).value_or(Address{});
  };
  Address state = pointer(python.runtime, l.PyRuntimeState.interpreters_head);
  for (std::size_t n = 0; !is_null(state) && n < limits.interpreters; ++n) {
    const Address gc = gc_state_of(python, state);
    if (is_null(gc)) break;
    const Address flag = gc + static_cast<std::uint64_t>(l.gc_runtime_state.collecting);
    // Up to 3.8 all have one collector.
    if (std::find(flags.begin(), flags.end(), flag) == flags.end()) flags.push_back(flag);
    if (l.PyInterpreterState.next == kAbsent) break;
    state = pointer(state, l.PyInterpreterState.next);
  }
  return flags;
}

std::string check_collector_lists(const PyRuntime& python, const MemoryReader& memory) {
  const PyLayout& l = python.layout;
  const auto& gc_fields = l.gc_runtime_state;
  const auto word = [&](Address base, std::int32_t offset) {
    return read_as<std::uint64_t>(memory, base + static_cast<std::uint64_t>(offset)).value_or(0);
  };
  const Address interpreter{word(python.runtime, l.PyRuntimeState.interpreters_main)};
  const Address gc = gc_state_of(python, interpreter);
  if (is_null(gc) || gc_fields.permanent_generation == kAbsent || gc_fields.generations == kAbsent ||
      l.PyGC_Head.gc_next == kAbsent || l.PyGC_Head.gc_prev == kAbsent)
    return {};
  Address generations = gc + static_cast<std::uint64_t>(gc_fields.generations);
  if (gc_fields.generation0 != kAbsent)
    if (const Address first{word(gc, gc_fields.generation0)}; !is_null(first)) generations = first;
  std::vector<Address> heads{gc + static_cast<std::uint64_t>(gc_fields.permanent_generation)};
  for (std::uint64_t i = 0; i < 3; ++i)
    heads.push_back(generations + i * static_cast<std::uint64_t>(l.gc_generation.size));
  constexpr std::uint64_t kMarks = 3;
  std::size_t closed = 0;
  for (const Address head : heads) {
    const Address next{word(head, l.PyGC_Head.gc_next) & ~kMarks},
        last{word(head, l.PyGC_Head.gc_prev) & ~kMarks};
    closed += (word(next, l.PyGC_Head.gc_prev) & ~kMarks) == value(head) &&
              (word(last, l.PyGC_Head.gc_next) & ~kMarks) == value(head);
  }
  // One may be open: an object is put on a list in four writes. And by a wrong layout one may be met at
  // another's place.
  if (closed + 1 >= heads.size()) return {};
  return "of the collector's " + std::to_string(heads.size()) + " lists only " + std::to_string(closed) +
         " close around their heads";
}

}  // namespace heapglass
