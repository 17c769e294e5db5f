// The target's memory map, as /proc/PID/maps or a core's notes tell it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/address.h"

namespace heapglass {

struct Mapping {
  Address start{};
  Address end{};  // one past the last byte
  bool readable = false;
  bool writable = false;
  bool executable = false;
  bool shared = false;  // MAP_SHARED
  std::uint64_t file_offset = 0;
  std::uint64_t device = 0;  // st_dev of the file
  std::uint64_t inode = 0;   // 0: no file
  std::string path;      // file path as the target sees it, "[heap]", "[stack]" ...; " (deleted)" is cut off
  bool deleted = false;  // the file was unlinked or replaced

  std::uint64_t size() const { return end - start; }
  bool has_file() const { return inode != 0; }
};

using Mappings = std::vector<Mapping>;  // in order of address, not overlapping

// The mapping that holds `a`, or nullptr.
const Mapping* find_mapping(const Mappings& mappings, Address a);

}  // namespace heapglass
