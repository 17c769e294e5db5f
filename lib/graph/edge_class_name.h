// The classes of references as every answer spells them.
#pragma once

#include <string_view>

#include "lib/graph/node.h"

namespace heapglass {

inline std::string_view name_of(EdgeClass cls) {
  switch (cls) {
    case EdgeClass::kVisited:
      return "visited";
    case EdgeClass::kOwned:
      return "owned";
    case EdgeClass::kWeak:
      return "weak";
    case EdgeClass::kGuess:
      break;
  }
  return "guess";
}

}  // namespace heapglass
