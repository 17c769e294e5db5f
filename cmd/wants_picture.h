// What kind of output is asked for: a drawing, a flame graph, or neither.
#pragma once

#include "cmd/command.h"
#include "lib/render/formats.h"

namespace heapglass {

// By its name or the file's; null: neither says.
inline const Format* format_asked_for(const CommonOptions& common) {
  if (!common.format.empty()) return &find_format(common.format);
  return common.output == "-" ? nullptr : format_of_file(common.output);
}

inline bool wants_picture(const CommonOptions& common) {
  const Format* format = format_asked_for(common);
  return format && format->draws;
}

inline bool wants_profile(const CommonOptions& common) {
  const Format* format = format_asked_for(common);
  return format && format->profiles;
}

}  // namespace heapglass
