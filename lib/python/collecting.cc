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

}  // namespace heapglass
