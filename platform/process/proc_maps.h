// The text of /proc/PID/maps as Mappings.
#pragma once

#include <string_view>

#include "lib/target/mappings.h"

namespace heapglass {

// Lines that are not of the form are passed over.
Mappings parse_proc_maps(std::string_view text);

}  // namespace heapglass
