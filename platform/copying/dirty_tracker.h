// Which pages of another process are written, by a userfaultfd of that process that is ours (man 2
// userfaultfd) and the PAGEMAP_SCAN of its page map (Documentation/admin-guide/mm/pagemap.rst). Linux 6.7.
//
// A watched page is write-protected; the first write to it takes the protection off, in the kernel, without
// anybody waiting for us. So are pages that are not there, where there is a page table for them: what is not
// protected has changed. Where this process dies the kernel takes off the rest.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "platform/process/page_map.h"

namespace heapglass {

constexpr int kUserfaultfdFlags = 0x80001 | 0x800;  // UFFD_USER_MODE_ONLY | O_CLOEXEC | O_NONBLOCK (x86-64)

// Why this system offers none of it to us; empty where it does. Tried on a page of our own.
std::string why_no_write_tracking();
// Whether the fast of the kernel's two ways to tell what is not protected is right about pages that are
// elsewhere (swapped, being moved) too, and does not read their entries as if they were of pages that are
// there (fs/proc/task_mmu.c, pagemap_scan_pmd_entry; Linux 6.18.44 is right). Tried on a page of our own.
bool pagemap_scan_handles_swap();

class DirtyTracker {
 public:
  // Throws FreezeModeUnavailable where the kernel does not offer what is needed.
  DirtyTracker(pid_t pid, FileDescriptor userfaultfd, bool exact = pagemap_scan_handles_swap());
  // Lets go piece by piece, so that the process never waits long for its mappings.
  ~DirtyTracker();
  DirtyTracker(const DirtyTracker&) = delete;
  DirtyTracker& operator=(const DirtyTracker&) = delete;

  // Whether somebody else watches that mapping in this way.
  bool watched_by_another(Range mapping) const;
  // Pages of a mapping that were written since the last take, all that are there the first time. Watches from
  // here on. Nothing where it cannot be watched.
  std::vector<Range> take(Range mapping);

  struct Pages {                  // each in order of address
    std::vector<Range> written;   // present or swapped, and written since the last take() or not watched
    std::vector<Range> vanished;  // taken before, and no longer there; and others that are not there
  };
  // Of a held process, all of these mappings (in order of address); changes nothing, and takes as little time
  // as the kernel lets it. `beside` is called meanwhile, on another core where there is one. Throws
  // FreezeModeUnavailable where there is no telling.
  Pages look(
      const std::vector<Range>& mappings, const std::function<void()>& beside = [] {}) const;

 private:
  pid_t pid_;
  FileDescriptor userfaultfd_, page_map_;
  bool exact_;
  void unprotect(Range range) const;
  void protect_empty(Range mapping, std::vector<Range>& runs);
  std::vector<Range> unprotected(Range piece, int& error) const;
  void look_at(Range piece, Pages& pages) const;
  void look_closely(Range piece, Pages& pages) const;
  void find_lost_tables(Range piece, const std::vector<Range>& unprotected, Pages& pages) const;
  bool has_page_table(std::uint64_t page) const;

  // Watches it from here on; whether no part of it was before.
  bool add_watched(Range mapping);
  std::map<std::uint64_t, std::uint64_t> watched_;  // ends by starts, apart from one another
  // When they were protected, by the start of their mapping; looked at once more.
  std::map<std::uint64_t, std::vector<Range>> unverified_empty_;
  std::map<std::uint64_t, std::uint64_t>
      witness_page_;  // of each kBlock that pages were taken of, by its number
};

}  // namespace heapglass
