// Where an interpreter is between its first moment and its last.
#pragma once

#include "lib/python/runtime.h"

namespace heapglass {

enum class RuntimeStage { kStarting, kRunning, kEnding };

// By the flags of _PyRuntime and of its main interpreter, where the sources of the layout have them.
RuntimeStage stage_of(const PyRuntime& python, const MemoryReader& memory);

// The thread that ends the interpreter, in Py_FinalizeEx; null: none. It is of that very interpreter, so that
// no wrong layout gives one.
Address ended_by(const PyRuntime& python, const MemoryReader& memory, Address interpreter);

}  // namespace heapglass
