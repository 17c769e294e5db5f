// What an answer does not cover, or what makes it unsure: made where the loss happens, as data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace heapglass {

struct Caveat {
  std::string kind;                        // stable, for programs: docs/manual.md#caveats lists them
  std::uint64_t count = 0;                 // of what the kind is about; 0: not counted
  std::string text;                        // for people
  std::vector<std::string> examples = {};  // types, files or addresses; not all of them
  bool operator==(const Caveat&) const = default;
};

}  // namespace heapglass
