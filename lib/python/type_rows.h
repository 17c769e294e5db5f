// The rows of c_types.h that serve the interpreter, by what they are looked up by. For types.cc and
// type_plans.cc.
#pragma once

#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/python/types.h"

namespace heapglass {

struct TypeTable::Rows {
  std::unordered_map<std::string_view, std::vector<const CTypeRow*>> by_type;
  std::unordered_map<std::string_view, const ModuleStateRow*> by_module;
  std::unordered_map<std::string_view, SizeRule> size_by_owner;
};

}  // namespace heapglass
