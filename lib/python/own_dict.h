// Which dict of an object is that of its attributes.
#pragma once

#include "lib/python/edges.h"
#include "lib/python/types.h"

namespace heapglass {

// Is what the edge leads to the dict of the holder's own attributes, whose keys are their names? Other dicts
// that a C struct has are caches and the like, with values for keys.
inline bool leads_to_own_dict(const Edge& edge) {
  return edge.kind == EdgeKind::kDict ||
         (edge.kind == EdgeKind::kField && reinterpret_cast<const FieldName*>(edge.payload)->name == "dict");
}

}  // namespace heapglass
