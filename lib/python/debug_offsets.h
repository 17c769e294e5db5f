// The target's own _Py_DebugOffsets (3.13+), at the start of _PyRuntime: CPython Include/internal/
// pycore_debug_offsets.h (3.13: pycore_runtime.h).
#pragma once

#include <optional>

#include "lib/target/memory_reader.h"
#include "lib/target/structs.h"

namespace heapglass {

struct DebugOffsets final : StructSource {
  std::uint32_t hexversion = 0;
  bool free_threaded = false;
  std::map<std::string, StructLayout, std::less<>> structs;

  const StructLayout* find(std::string_view name) const override {
    const auto at = structs.find(name);
    return at == structs.end() ? nullptr : &at->second;
  }
  std::string description() const override { return "_Py_DebugOffsets"; }
};

// Reads the cookie, the version and every offset; nullopt where `runtime` does not begin with the cookie, the
// version's order of fields is not known here, or a value cannot be an offset.
std::optional<DebugOffsets> read_debug_offsets(const MemoryReader& memory, Address runtime);

}  // namespace heapglass
