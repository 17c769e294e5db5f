// The words of the interpreter's own static variables, for those that no symbol names in a stripped build.
#pragma once

#include "lib/python/objects.h"
#include "lib/python/words.h"

namespace heapglass {

// Calls visit(place, word) for each until it returns true; false: it never did. .data and .bss of the file
// that has _PyRuntime lie together.
template <class Visit>
bool any_static_word(const Objects& objects, Visit visit) {
  constexpr std::uint64_t kFar = 8 << 20;
  const Address runtime = objects.python().runtime;
  for (const Image::Segment& s : objects.image().segments()) {
    if (!s.heap || runtime + kFar <= s.start || s.start + s.size + kFar <= runtime) continue;
    for (std::uint64_t at = 0; at + 8 <= s.size; at += 8) {
      std::uint64_t word;
      if (objects.image().load(s.start + at, word) && visit(s.start + at, word)) return true;
    }
  }
  return false;
}

}  // namespace heapglass
