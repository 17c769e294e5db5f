// The files that a snapshot command writes again and again: their names, which of them are kept, and that no
// two write at once.
#pragma once

#include <ctime>
#include <string>
#include <vector>

#include "platform/process/process.h"

namespace heapglass {

// "svc-%Y%m%dT%H%M%S-%p.hg": %Y %m %d %H %M %S of the local time, %p the process id, %h this machine's name,
// %% a percent sign. In the last part of the path only.
class SnapshotNames {
 public:
  // Throws Error kUsage where the pattern is none.
  explicit SnapshotNames(const std::string& pattern);

  bool is_pattern() const { return is_pattern_; }
  std::string name(std::time_t when, std::int32_t pid) const;
  // Could the pattern have given this name (without folder), at any time and for any process?
  bool matches(const std::string& file) const;
  const std::string& folder() const { return folder_; }  // "." or with its slash

  // Removes the snapshots that the pattern could have named, all but the `keep` newest (0: does not count)
  // and those of the last `days` days (below 0: does not count); `written` always stays. What is no snapshot,
  // or cannot be removed, stays. Also what killed runs left unfinished.
  void rotate(std::size_t keep, double days, const std::string& written) const;
  // Held until the descriptor goes. Throws Error kFile where another run holds it.
  FileDescriptor lock() const;

 private:
  std::string folder_, file_;  // the pattern's two parts
  std::string host_;
  bool is_pattern_ = false;
};

}  // namespace heapglass
