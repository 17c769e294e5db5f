// Which Python a process runs, also where it is none that heapglass reads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/target/binary.h"
#include "lib/target/memory_reader.h"

namespace heapglass {

struct PythonName {
  std::string implementation;  // "CPython", "PyPy", "GraalPy"; empty: none was found
  std::string version;         // "3.12.1"; empty: it cannot be told
  bool py_debug = false, free_threaded = false;
  bool is_read = false;            // heapglass reads it
  const Binary* binary = nullptr;  // the file that has it; of the binaries
};

// Reads symbols, the version that the interpreter exports or its constants have, and no more.
PythonName name_python(const MemoryReader& memory, const std::vector<const Binary*>& binaries);

// Is this worth a name_python? By its symbols and its file name.
bool may_be_python(const Binary& binary);

// What one file says of its version, as a hexversion. Py_Version, which 3.11+ export:
std::optional<std::uint32_t> exported_version(const MemoryReader& memory, const Binary& binary);
// "libpython3.8.so.1.0", "python3.8" -> 3.8, for versions that do not export it.
std::optional<std::uint32_t> version_in_name(const std::string& path);
// The release that a text of the file's constants ends with: PY_VERSION, whose text the linker may have made
// the end of another that ends alike. `known` is major and minor, or 0.
std::optional<std::uint32_t> version_in_text(const MemoryReader& memory, const Binary& binary,
                                             std::uint32_t known);

}  // namespace heapglass
