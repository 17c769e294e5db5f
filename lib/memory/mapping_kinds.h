// What a mapping's memory is where nothing nearer is known of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "lib/memory/c_allocators.h"
#include "lib/memory/mapped_pools.h"
#include "lib/memory/memory_bill.h"
#include "lib/target/capture.h"

namespace heapglass {

constexpr const char* kMappedByCode = "mapped by C code, without a name";

// Whose a mapping is where nothing nearer is known.
class MappingKinds {
 public:
  explicit MappingKinds(const Capture& capture)
      : mappings_(capture.mappings), allocator_(unread_allocator(mappings_)) {
    if (capture.residency) disks_ = capture.residency->disks;
    for (const Mapping& m : mappings_)
      if (m.executable && m.has_file()) programs_.insert(m.path);
  }
  struct Kind {
    MemoryKind kind;
    std::string detail;
    bool anonymous = false;  // an object may lie there
    bool pool = false;       // whose it is, is to be found out
  };
  Kind of(std::size_t i) const {
    const Mapping& m = mappings_[i];
    if (m.shared || m.path.starts_with("/SYSV") || m.path.starts_with("/dev/shm/") ||
        m.path.starts_with("/memfd:")) {
      if (m.shared && is_on_disk(m)) return {MemoryKind::kFiles, m.path + (m.deleted ? " (deleted)" : "")};
      return {.kind = MemoryKind::kShared, .detail = name_of_shared(m), .pool = true};
    }
    if (m.has_file() && !is_huge(m))
      return {programs_.count(m.path) || m.path.find(".so") != std::string::npos ? MemoryKind::kCode
                                                                                 : MemoryKind::kFiles,
              m.path};
    if (m.path == "[heap]" && allocator_.empty()) return {MemoryKind::kUnknown, "the heap of brk", true};
    if (m.path.starts_with("[stack")) return {MemoryKind::kStacks, "main thread", false};
    if (m.path.starts_with("[v")) return {MemoryKind::kCode, m.path};
    // What a file's variables need beyond the file lies right behind it.
    if (i > 0 && m.path.empty() && mappings_[i - 1].end == m.start && mappings_[i - 1].has_file() &&
        mappings_[i - 1].writable && programs_.count(mappings_[i - 1].path))
      return {MemoryKind::kCode, mappings_[i - 1].path};
    if (!allocator_.empty()) return {MemoryKind::kNative, allocators_row(), true};
    return {MemoryKind::kUnknown, m.path.empty() || is_huge(m) ? kMappedByCode : m.path, true, true};
  }
  const std::string& allocator() const { return allocator_; }
  std::string allocators_row() const { return allocator_ + ", used or free, or mapped by C code"; }

 private:
  // Of MAP_HUGETLB: the kernel gives it a file that has no name.
  static bool is_huge(const Mapping& m) { return m.path.starts_with("/anon_hugepage"); }
  // A file that is unlinked is still on its disk until nobody has it open or mapped any more.
  bool is_on_disk(const Mapping& m) const {
    if (!m.has_file() || m.path.starts_with("/dev/")) return false;
    return !m.deleted || std::binary_search(disks_.begin(), disks_.end(), m.device);
  }
  static std::string name_of_shared(const Mapping& m) {
    if (m.path.empty() || m.path == "/dev/zero" || is_huge(m)) return "anonymous, without a name";
    return m.path;
  }

  const Mappings& mappings_;
  const std::string allocator_;
  std::set<std::string> programs_;
  std::vector<std::uint64_t> disks_;
};

}  // namespace heapglass
