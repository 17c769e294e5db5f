// The profile that a document has, for the formats that show nothing else.
#pragma once

#include <string_view>

#include "lib/render/report.h"

namespace heapglass {

// Throws Error kUsage where it has none.
const Profile& profile_of(const Document& document, std::string_view format);

}  // namespace heapglass
