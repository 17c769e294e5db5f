// How far generators, coroutines and async generators have come.
#pragma once

#include <cstdint>

#include "lib/python/objects.h"

namespace heapglass {

enum class GeneratorState : std::uint8_t {
  kUnknown,
  kCreated,    // its code has not begun
  kSuspended,  // at a yield or await, or running
  kFinished,
};

// Of an object whose type has TraverseRule::kGenerator, or is one of the three up to 3.10.
GeneratorState read_generator_state(const Objects& objects, Address generator);

// generator, coroutine, async_generator.
bool is_generator_type(std::string_view type_name);

}  // namespace heapglass
