#include "platform/process/memory_group.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "platform/process/cgroups.h"
#include "platform/process/proc_text.h"
#include "platform/process/process.h"

namespace heapglass {
namespace {

constexpr int kDeepest = 64;
constexpr std::size_t kMostProcesses = 100'000;

void add_processes(const std::string& directory, int depth, std::vector<pid_t>& out) {
  std::istringstream numbers(read_proc_file(directory + "/cgroup.procs"));
  for (pid_t pid = 0; numbers >> pid && out.size() < kMostProcesses;) out.push_back(pid);
  DIR* const below = depth < kDeepest ? opendir(directory.c_str()) : nullptr;
  if (!below) return;
  while (const dirent* const each = readdir(below))
    if (each->d_type == DT_DIR && each->d_name[0] != '.')
      add_processes(directory + "/" + each->d_name, depth + 1, out);
  closedir(below);
}

}  // namespace

std::optional<MemoryGroup> MemoryGroup::open(const std::string& directory) {
  for (const char* const file : {"/memory.current", "/memory.usage_in_bytes"}) {
    MemoryGroup out;
    out.used_ = FileDescriptor(::open((directory + file).c_str(), O_RDONLY | O_CLOEXEC));
    if (!out.used_) continue;
    out.directory_ = directory;
    out.first_version_ = std::string_view(file).ends_with("bytes");
    return out;
  }
  return std::nullopt;
}

std::optional<MemoryGroup> MemoryGroup::open_limited(const std::string& directory) {
  for (std::string at = directory; at.size() > 1; at.erase(std::max<std::size_t>(at.rfind('/'), 0))) {
    auto group = open(at);
    if (!group) break;
    if (group->limit()) return group;
  }
  return open(directory);
}

std::optional<std::uint64_t> MemoryGroup::used() const {
  std::array<char, 32> text{};
  const ssize_t got = pread(used_.get(), text.data(), text.size() - 1, 0);
  return got > 0 ? parse_cgroup_number(std::string(text.data(), static_cast<std::size_t>(got)))
                 : std::nullopt;
}

std::optional<std::uint64_t> MemoryGroup::limit() const {
  return parse_cgroup_number(
      read_proc_file(directory_ + (first_version_ ? "/memory.limit_in_bytes" : "/memory.max")));
}

std::uint64_t MemoryGroup::droppable() const {
  return number_after(read_proc_file(directory_ + "/memory.stat"),
                      first_version_ ? "total_inactive_file " : "inactive_file ");
}

std::optional<std::uint64_t> MemoryGroup::event_count(const std::string& event) const {
  if (!first_version_) {
    const std::string text = read_proc_file(directory_ + "/memory.events");
    return line_after(text, event + " ").empty() ? std::nullopt
                                                 : std::optional(number_after(text, event + " "));
  }
  if (event == "max") return parse_cgroup_number(read_proc_file(directory_ + "/memory.failcnt"));
  if (event == "oom") return number_after(read_proc_file(directory_ + "/memory.oom_control"), "oom_kill ");
  return std::nullopt;
}

std::string MemoryGroup::events_file() const { return first_version_ ? "" : directory_ + "/memory.events"; }

FileDescriptor MemoryGroup::first_version_event(const std::string& file, const std::string& argument) const {
  if (!first_version_) return {};
  FileDescriptor event(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  const FileDescriptor of(::open((directory_ + "/" + file).c_str(), O_RDONLY | O_CLOEXEC));
  const FileDescriptor control(::open((directory_ + "/cgroup.event_control").c_str(), O_WRONLY | O_CLOEXEC));
  if (!event || !of || !control) return {};
  const std::string line =
      std::to_string(event.get()) + " " + std::to_string(of.get()) + (argument.empty() ? "" : " " + argument);
  if (write(control.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) return {};
  return event;
}

FileDescriptor MemoryGroup::threshold_event(std::uint64_t bytes) const {
  return first_version_event("memory.usage_in_bytes", std::to_string(bytes));
}

FileDescriptor MemoryGroup::oom_event() const { return first_version_event("memory.oom_control", ""); }

FileDescriptor pressure_event(const std::string& directory, bool full, std::chrono::milliseconds stall,
                              std::chrono::milliseconds window, std::string& why_not) {
  std::string of = directory;
  if (access((of + "/memory.pressure").c_str(), F_OK) != 0) {
    // Version 1 has no such file: the tasks' group of version 2 may have one, where it is not the root.
    const std::vector<pid_t> tasks = processes_of_group(directory);
    const std::vector<std::string> unified =
        tasks.empty() ? std::vector<std::string>() : cgroup_directories(tasks.front(), "");
    if (unified.size() > 1) of = unified.front();
  }
  const std::string file = of + "/memory.pressure";
  FileDescriptor out(::open(file.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!out) {
    why_not = "cannot open " + file + ": " + std::strerror(errno);
    return {};
  }
  using std::chrono::microseconds;
  const std::string line = std::string(full ? "full " : "some ") +
                           std::to_string(microseconds(stall).count()) + " " +
                           std::to_string(microseconds(window).count());
  if (write(out.get(), line.c_str(), line.size() + 1) >= 0) return out;
  why_not = std::string("the kernel refuses the trigger: ") + std::strerror(errno) +
            (errno == EINVAL ? " (without CAP_SYS_RESOURCE it takes windows of whole 2 s only)" : "");
  return {};
}

std::vector<pid_t> processes_of_group(const std::string& directory) {
  std::vector<pid_t> out;
  add_processes(directory, 0, out);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace heapglass
