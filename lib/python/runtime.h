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
#include "lib/target/memory_reader.h"
#include "lib/target/structs.h"
#include "lib/target/symbols.h"

namespace heapglass {

// An ELF file mapped into the target, as far as finding the interpreter needs it.
struct Binary {
  virtual ~Binary() = default;
  virtual const std::string& path() const = 0;       // as the target sees it
  virtual std::string build_id() const = 0;          // hex; empty: none
  virtual const SymbolSource& symbols() const = 0;
  virtual std::optional<Symbol> section(std::string_view name) const = 0;  // in the target
  // The file's own or separate debug information, asked for these structs; nullptr: there is none.
  virtual const StructSource* structs(const std::vector<std::string>& names) const = 0;
};

struct PyRuntime {
  std::uint32_t hexversion = 0;
  std::string version;              // "3.12.1"
  bool py_debug = false;            // Py_DEBUG build
  bool free_threaded = false;
  Address runtime{};                // &_PyRuntime
  const Binary* binary = nullptr;   // where it was found
  std::string how_found;            // "symbol _PyRuntime in .dynsym"
  PyLayout layout;
  Rules rules;
  std::string layout_source;        // "_Py_DebugOffsets + DWARF of /usr/lib/libpython3.13.so.1.0"
  std::vector<std::shared_ptr<const StructSource>> owned_sources;
  std::vector<const StructSource*> sources;  // for the rows of c_types.cc

  // Finds the interpreter in a live or captured process and loads its layout. Throws Error kNotPython with what
  // was looked for where there is none, or one of a version that is not supported, or no layout fits.
  static PyRuntime find(const MemoryReader& memory, const std::vector<const Binary*>& binaries);

  // The first thing that a plain look at the process contradicts, or empty: the layout may be used.
  std::string self_check(const MemoryReader& memory) const;
};

}  // namespace heapglass
