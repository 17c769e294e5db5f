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

// Whether a C stack, from its pointer up, leads back into Py_FinalizeEx: the only sign, up to 3.11, that the
// functions of atexit run. No address there is on a stack at any time before.
bool returns_to_finalize(const PyRuntime& python, const MemoryReader& memory, Address stack_pointer,
                         Address stack_end);

}  // namespace heapglass
