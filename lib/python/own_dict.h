// Which dict of an object is that of its attributes.
#pragma once

#include <algorithm>

#include "lib/python/edges.h"
#include "lib/python/python_repr.h"
#include "lib/python/types.h"

namespace heapglass {

// Is what the edge leads to the dict of the holder's own attributes, whose keys are their names? Other dicts
// that a C struct has are caches and the like, with values for keys.
inline bool leads_to_own_dict(const Edge& edge) {
  return edge.kind == EdgeKind::kDict ||
         (edge.kind == EdgeKind::kField && reinterpret_cast<const FieldName*>(edge.payload)->name == "dict");
}

// Can the object have such a dict, or has it one that a field of its C struct leads to?
inline bool has_own_dict(const Objects& objects, Address object, const TypeInfo& type) {
  return type.dict != InstanceDict::kNone ||
         std::any_of(type.fields.begin(), type.fields.end(),
                     [](const ObjectField& field) { return field.kind == EdgeKind::kDict; }) ||
         !is_null(named_field(objects, object, type, "dict"));
}

}  // namespace heapglass
