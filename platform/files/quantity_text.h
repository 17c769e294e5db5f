// Text of figures in messages of platform/.
#pragma once

#include <cstdint>
#include <string>

namespace heapglass {

std::string as_ms(double ms);            // "12.3 ms"
std::string as_mb(std::uint64_t bytes);  // "45.6 MB"

}  // namespace heapglass
