// One CPython in the target: which, where, and how its structs lie.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/address.h"
#include "lib/base/limits.h"
#include "lib/python/layout.h"
#include "lib/python/versions.h"
#include "lib/target/binary.h"
#include "lib/target/memory_reader.h"

namespace heapglass {

struct PyRuntime {
  std::uint32_t hexversion = 0;
  std::string version;    // "3.12.1"
  bool py_debug = false;  // Py_DEBUG build
  bool free_threaded = false;
  Address runtime{};                           // &_PyRuntime
  const Binary* binary = nullptr;              // where it was found
  std::shared_ptr<const Binary> owned_binary;  // where no target has it
  std::string how_found;                       // "symbol _PyRuntime in .dynsym"
  PyLayout layout;
  VersionTraits rules;
  std::string layout_source;  // "_Py_DebugOffsets + DWARF of /usr/lib/libpython3.13.so.1.0"
  std::vector<std::shared_ptr<const StructSource>> owned_sources;
  std::vector<const StructSource*> sources;  // for the rows of c_types.cc
  // False after identify where debug information is still to be read: then nothing but which interpreter
  // it is, and where, may be relied on.
  bool settled = true;

  // Finds the interpreter in a live or captured process and loads its layout. Throws Error kNotPython with
  // what was looked for where there is none, or one of a version that is not supported, or no layout fits.
  static PyRuntime find(const MemoryReader& memory, const std::vector<const Binary*>& binaries);

  // The same without reading debug information, which takes longest, where the answer does not need it to
  // know that there is an interpreter to take the bytes of. Where that leaves it unsettled, find() on those
  // bytes has the last word, and may refuse.
  static PyRuntime identify(const MemoryReader& memory, const std::vector<const Binary*>& binaries);

  // The first thing that a plain look at the process contradicts, or empty: the layout may be used.
  std::string self_check(const MemoryReader& memory) const;
};

// The names of every struct that reading CPython may ask its sources for.
std::vector<std::string> wanted_structs();

}  // namespace heapglass
