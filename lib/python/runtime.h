// One CPython in the target: which, where, and how its structs lie.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/address.h"
#include "lib/python/layout.h"
#include "lib/python/versions.h"
#include "lib/target/binary.h"
#include "lib/target/memory_reader.h"

namespace heapglass {

// Which CPython it is, and where.
struct PyIdentity {
  std::uint32_t hexversion = 0;  // 0: not known
  std::string version;           // "3.12.1"
  bool py_debug = false;         // Py_DEBUG build
  bool free_threaded = false;
  Address runtime{};                     // &_PyRuntime
  std::shared_ptr<const Binary> binary;  // where it was found
  std::string how_found;                 // "symbol _PyRuntime in .dynsym"
};

// How its structs lie, and what it does with them.
struct PyRuntimeLayout {
  PyLayout layout;
  VersionTraits rules;
  std::string layout_source;  // "_Py_DebugOffsets + DWARF of /usr/lib/libpython3.13.so.1.0"
  LayoutSourceList sources;   // for the rows of c_types.cc, most trusted first
};

// A value that owns all that it needs: a copy may outlive the target.
struct PyRuntime : PyIdentity, PyRuntimeLayout {
  // The first statement of the process that contradicts the layout, or empty: the layout may be used.
  std::string self_check(const MemoryReader& memory) const;
};

// The names of every struct that reading CPython may ask its sources for.
std::vector<std::string> wanted_structs();

}  // namespace heapglass
