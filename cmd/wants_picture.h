// Whether the output asked for is a drawing.
#pragma once

#include "cmd/command.h"
#include "lib/render/formats.h"

namespace heapglass {

inline bool wants_picture(const CommonOptions& common) {
  if (!common.format.empty()) return find_format(common.format).draws;
  const Format* by_name = common.output == "-" ? nullptr : format_of_file(common.output);
  return by_name && by_name->draws;
}

}  // namespace heapglass
