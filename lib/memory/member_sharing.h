// How one of several processes shares its memory with the others.
#pragma once

#include <cstdint>

namespace heapglass {

// Parts of a process' Pss, in bytes; they add up to it.
struct MemberSharing {
  std::int32_t pid = 0;
  std::uint64_t pss = 0;
  std::uint64_t of_all = 0;         // its part of pages that all of them map
  std::uint64_t of_some = 0;        // of those that several of them map
  std::uint64_t with_others = 0;    // of those that none of the others maps, but processes beside them
  std::uint64_t own_files = 0;      // pages of files that it alone maps
  std::uint64_t own_anonymous = 0;  // other pages that it alone maps
};

}  // namespace heapglass
