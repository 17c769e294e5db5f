// Finding the file with the symbols and debug information that a distribution strips from its programs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "platform/binaries/elf_file.h"

namespace heapglass {

struct DebugFileSearch {
  // Where the target sees the stripped file, "/usr/bin/python3.11". Empty: build-ids only.
  std::string target_path;
  // Put before every path that is tried, "/proc/123/root" for a process in a container. The paths without any
  // prefix are tried as well, so that debug files of the host serve a container.
  std::string root_prefix;
  std::vector<std::string> debug_roots = {"/usr/lib/debug"};  // each with a .build-id/ in it
};

struct DebugFile {
  std::shared_ptr<const ElfFile> file;  // nullptr: none
  // For people: what was found, or each place that was tried with its reason.
  std::string description;
};

// The separate debug file of `stripped`. A file with another build-id, or without one and with another
// checksum, is of another build and is never taken.
DebugFile find_debug_file(const ElfFile& stripped, const DebugFileSearch& search);

// The file that `debug`, a file treated by dwz -m, refers to; nullptr where it refers to none.
DebugFile find_alt_file(const ElfFile& debug, const DebugFileSearch& search);

}  // namespace heapglass
