// Finds the CPython of a process, or says why there is none that can be read.
#pragma once

#include "lib/python/runtime.h"

namespace heapglass {

// What a reader reads: a process as it goes on, bytes of one moment, or bytes that were read one after the
// other while it went on.
enum class MemoryMoment { kGoesOn, kOne, kMany };

// Finds the interpreter in a live or captured process and loads its layout. Throws Error kNotPython with what
// was looked for where there is none, or one of a version that is not supported, or no layout fits, and
// kUnreachable where it is starting up or has shut down.
PyRuntime find_runtime(const MemoryReader& memory, const Binaries& binaries,
                       MemoryMoment moment = MemoryMoment::kGoesOn);

struct IdentifiedRuntime {
  // The layout is empty where nothing but debug information has it.
  PyRuntime python;
  // There is debug information that was not read. find_runtime() on the captured bytes decides, and may
  // throw.
  bool layout_pending = false;
};

// The same without reading debug information, which takes longest, where it is not needed to know that there
// is an interpreter whose bytes may be captured.
IdentifiedRuntime identify_runtime(const MemoryReader& memory, const Binaries& binaries);

}  // namespace heapglass
