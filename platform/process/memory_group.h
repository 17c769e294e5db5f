// The memory of one control group, of version 1 or 2: how much is used, where its limit is, and what the
// kernel has to wake a process that waits for it. cgroup-v1/memory.rst, cgroup-v2.rst, accounting/psi.rst.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "platform/files/file_descriptor.h"

namespace heapglass {

class MemoryGroup {
 public:
  // Nothing where the directory has no figures of memory.
  static std::optional<MemoryGroup> open(const std::string& directory);
  // The group itself, or the nearest above it that has a limit; the group itself where none has.
  static std::optional<MemoryGroup> open_limited(const std::string& directory);

  const std::string& directory() const { return directory_; }
  bool is_first_version() const { return first_version_; }

  std::optional<std::uint64_t> used() const;  // nothing: the group is gone
  std::optional<std::uint64_t> limit() const;
  // Of what is used: file pages that the kernel drops before it runs short. Costs more to read than used().
  std::uint64_t droppable() const;
  // How often memory.events (version 1: memory.oom_control) counted "high", "max", "oom"; nothing where the
  // kernel does not count it.
  std::optional<std::uint64_t> event_count(const std::string& event) const;

  // For inotify (IN_MODIFY): the kernel says so whenever a count in it changes. Version 2 only; else empty.
  std::string events_file() const;
  // Readable whenever the used memory crosses `bytes`, with what it drops counted. Version 1 only.
  FileDescriptor threshold_event(std::uint64_t bytes) const;
  // Readable whenever the group runs out of memory. Version 1 only.
  FileDescriptor oom_event() const;

 private:
  FileDescriptor first_version_event(const std::string& file, const std::string& argument) const;

  std::string directory_;
  bool first_version_ = false;
  FileDescriptor used_;
};

// A descriptor with POLLPRI whenever tasks of the group waited `stall` for memory within `window`; invalid,
// and `why_not`, where the kernel gives none. `directory` is of version 2, or of version 1 and then that of
// the same group's tasks in version 2 is looked for.
FileDescriptor pressure_event(const std::string& directory, bool full, std::chrono::milliseconds stall,
                              std::chrono::milliseconds window, std::string& why_not);

// Processes of the group and of those below it.
std::vector<pid_t> processes_of_group(const std::string& directory);

}  // namespace heapglass
