// Which pages of another process are written, by a userfaultfd of that process that is ours (man 2
// userfaultfd) and the PAGEMAP_SCAN of its page map (Documentation/admin-guide/mm/pagemap.rst). Linux 6.7.
//
// A watched page is write-protected; the first write to it takes the protection off, in the kernel, without
// anybody waiting for us. Where this process dies the kernel takes off the rest.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "platform/page_map.h"

namespace heapglass {

constexpr int kUserfaultfdFlags = 0x80001 | 0x800;  // UFFD_USER_MODE_ONLY | O_CLOEXEC | O_NONBLOCK (x86-64)

// Why this system offers none of it to us; empty where it does. Tried on a page of our own.
std::string why_no_write_tracking();

class WriteTracker {
 public:
  // Throws CannotHoldThisWay where the kernel does not offer what is needed.
  WriteTracker(pid_t pid, FileDescriptor userfaultfd);
  // Takes the protection off piece by piece, so that the process never waits long for its page tables.
  ~WriteTracker();
  WriteTracker(const WriteTracker&) = delete;
  WriteTracker& operator=(const WriteTracker&) = delete;

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
  // as the kernel lets it. Throws CannotHoldThisWay where there is no telling.
  Pages look(const std::vector<Range>& mappings) const;

 private:
  FileDescriptor userfaultfd_, page_map_;
  void look_at(Range piece, Pages& pages) const;
  void look_closely(Range piece, Pages& pages) const;
  bool has_page_table(std::uint64_t page) const;

  std::vector<Range> watched_;
  std::set<std::uint64_t> blocks_;  // of kBlock bytes that pages were taken of, by number
};

}  // namespace heapglass
