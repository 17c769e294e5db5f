// Which Python a process runs, also where it is none that heapglass reads.
#pragma once

#include <string>

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
PythonName name_python(const MemoryReader& memory, const Binaries& binaries);

// Is this worth a name_python? By its symbols and its file name.
bool may_be_python(const Binary& binary);

}  // namespace heapglass
