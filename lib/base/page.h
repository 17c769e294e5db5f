// The size of a page on x86-64, of the target's memory and of ours.
#pragma once

#include <cstdint>

namespace heapglass {

constexpr std::uint64_t kPage = 4096;

}  // namespace heapglass
