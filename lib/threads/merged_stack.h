// Which Python functions run in which call of _PyEval_EvalFrameDefault of a thread's machine code.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "lib/python/frames.h"
#include "lib/threads/native_stacks.h"

namespace heapglass {

// For each native frame the number of Python frames that it evaluates, but for incomplete ones, both
// innermost first: those of the first one that evaluates any are the first of `python`. nullopt: they cannot
// be told apart, since there are not as many calls as frames that begin one, as where the thread was stopped
// in between, or where a stripped file names no calls.
std::optional<std::vector<std::size_t>> frames_by_call(const NativeStack& native,
                                                       std::span<const PyFrame> python);

}  // namespace heapglass
