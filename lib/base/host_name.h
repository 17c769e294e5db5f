// The name of this machine; in a container or a pod its own.
#pragma once

#include <string>

namespace heapglass {

// As gethostname(2) has it; empty where it tells none.
std::string host_name();

}  // namespace heapglass
