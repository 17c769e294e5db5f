#include "lib/base/type_name.h"

namespace heapglass {

std::string_view short_type_name(std::string_view type) { return type.substr(type.rfind('.') + 1); }

bool type_matches(std::string_view type, std::string_view wanted) {
  return wanted.find('.') == std::string_view::npos ? short_type_name(type) == wanted : type == wanted;
}

}  // namespace heapglass
