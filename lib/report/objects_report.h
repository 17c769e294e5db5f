// What objects answers: the objects of a type, or of which something is true, as a table.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "lib/expression/expression.h"
#include "lib/heap/heap.h"
#include "lib/render/report.h"

namespace heapglass {

enum class ObjectsSort { kSize, kRetained, kRefcount, kLength, kId };

struct ObjectsAsked {
  std::vector<std::string> types;  // with `ids`: one of these; neither: all objects
  std::vector<Address> ids;
  std::optional<Expression> condition;
  ObjectsSort sort = ObjectsSort::kSize;
  std::size_t most = 50;  // rows, 0: all
  bool paths = false;     // the shortest root path of each
  // Whether the answer has retained sizes, for which the heap has to have references, as for paths.
  bool wants_retained() const {
    return sort == ObjectsSort::kRetained || (condition && condition->uses(ExpressionField::kRetained));
  }
};

// Throws Error kUsage where there is no such type or object.
Document objects_document(const Heap& heap, const ObjectsAsked& asked);

}  // namespace heapglass
