#include "lib/render/profile.h"

#include <string>

#include "lib/base/error.h"

namespace heapglass {

const Profile& profile_of(const Document& document, std::string_view format) {
  for (const Section& section : document.sections)
    if (const auto* profile = std::get_if<Profile>(&section)) return *profile;
  throw Error(ErrorKind::kUsage,
              std::string(format) + " shows a flame graph, and there is none in this answer",
              "heapglass retained makes them");
}

}  // namespace heapglass
