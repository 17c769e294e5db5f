// The memory of a process in one line, above answers that are about Python's objects: whose the memory is,
// what of it grew, and the command that tells more where that is no Python object.
#pragma once

#include <optional>
#include <string>

#include "lib/memory/memory_bill.h"
#include "lib/render/report.h"

namespace heapglass {

// The memory accounting in a handful of parts that add up.
struct MemoryPartSum {
  const char *key, *words;  // "native", "native (C code's)"
  std::uint64_t bytes = 0;
  bool python = false;  // the object graph tells of it
};
std::vector<MemoryPartSum> memory_part_sums(const MemoryBill& bill);

class MemoryLine {
 public:
  // Of the last capture and, where there are two, of the first. `why_none`: where `now` is not known.
  // `target`: as the next command is given it.
  MemoryLine(const std::optional<MemoryBill>& now, const std::optional<MemoryBill>& before,
             const std::string& why_none, const std::string& target);

  // As the first field for people, and for programs as the object "memory".
  void add_to(Document& document) const;
  // Not Python's objects and their buffers: most of what grew, or most of all where nothing is known of
  // growth. Empty: they are, or it is not known. A sentence with the next command.
  const std::string& elsewhere() const { return elsewhere_; }

 private:
  struct Part {
    const char *key, *words;
    std::uint64_t now = 0, before = 0;
    bool python = false;  // the object graph tells of it
  };
  std::string growth() const;
  void find_elsewhere(const std::string& target);

  std::vector<Part> parts_;
  std::uint64_t rss_ = 0, rss_before_ = 0;
  bool known_ = false, grows_ = false;
  bool is_rss_ = true;  // false of a core, of which nobody knows what of it was in memory
  std::string largest_native_;
  std::string why_none_, elsewhere_;
};

}  // namespace heapglass
