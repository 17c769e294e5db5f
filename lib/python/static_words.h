// The words of the interpreter's own static variables, for those that no symbol names in a stripped build.
#pragma once

#include <algorithm>

#include "lib/python/objects.h"
#include "lib/python/words.h"

namespace heapglass {

// Calls visit(place, word) for each until it returns true; false: it never did. .data and .bss of the file
// that has _PyRuntime lie together, 8 MB from it at most: what begins there may go on without end, as the
// heap behind the data of a static program, or a segment of a damaged snapshot.
template <class Visit>
bool any_static_word(const Objects& objects, Visit visit) {
  constexpr std::uint64_t kFar = 8 << 20;
  const std::uint64_t runtime = value(objects.python().runtime);
  const std::uint64_t first = runtime - std::min(runtime, kFar), end = runtime + kFar;
  for (const Image::Segment& s : objects.image().segments()) {
    const std::uint64_t start = value(s.start);
    if (!s.heap || start >= end || start + s.size <= first) continue;
    const std::uint64_t until = std::min(start + s.size, end);
    for (std::uint64_t at = start + (first > start ? (first - start + 7) / 8 * 8 : 0); at + 8 <= until;
         at += 8) {
      std::uint64_t word;
      if (objects.image().load(Address{at}, word) && visit(Address{at}, word)) return true;
    }
  }
  return false;
}

}  // namespace heapglass
