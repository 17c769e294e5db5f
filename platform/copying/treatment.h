// What of a process' memory map is captured.
#pragma once

#include <cstdint>

#include "lib/target/mappings.h"

namespace heapglass {

enum class Treatment {
  kSkip,
  kCopy,  // writable or anonymous private memory: every page it has
  kFile,  // a private view of a file: the file's bytes, and copies of the pages changed since
};

inline Treatment treatment_of(const Mapping& m) {
  constexpr std::uint64_t kLongestMapping = std::uint64_t{1} << 40;
  if (m.shared || m.size() > kLongestMapping || value(m.end) >> 47) return Treatment::kSkip;
  if (m.path == "[vvar]" || m.path == "[vsyscall]" || m.path == "[vdso]" || m.path == "[vvar_vclock]")
    return Treatment::kSkip;
  if (!m.readable) return Treatment::kSkip;
  return m.has_file() ? Treatment::kFile : Treatment::kCopy;
}

}  // namespace heapglass
