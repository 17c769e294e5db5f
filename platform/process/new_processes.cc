#include "platform/process/new_processes.h"

#include <sys/stat.h>

#include <cstdlib>
#include <string>

#include "platform/process/proc_text.h"
#include "platform/process/process.h"

namespace heapglass {
namespace {

// More than these take longer to look at than what is saved by it.
constexpr pid_t kMostNew = 64;

// The last word of /proc/loadavg (fs/proc/loadavg.c): the number that was given out last, to a thread or a
// process, in our pid namespace. What is forked in a namespace below has a number in ours too.
std::optional<pid_t> last_number() {
  const std::string text = read_proc_file("/proc/loadavg");
  const std::size_t at = text.rfind(' ');
  if (at == std::string::npos) return std::nullopt;
  const long number = std::strtol(text.c_str() + at, nullptr, 10);
  return number > 0 ? std::optional(static_cast<pid_t>(number)) : std::nullopt;
}

// Of the file that a process runs; false where that cannot be seen.
bool program_of(pid_t pid, struct stat& out) {
  return stat(("/proc/" + std::to_string(pid) + "/exe").c_str(), &out) == 0;
}

}  // namespace

NewProcesses::NewProcesses(pid_t of) : of_(of), last_(last_number()) {}

bool NewProcesses::may_be_forks() const {
  const std::optional<pid_t> now = last_number();
  struct stat its {
  }, other{};
  // Numbers begin again at the bottom when the largest was given out.
  if (!last_ || !now || *now < *last_ || *now - *last_ > kMostNew || !program_of(of_, its)) return true;
  for (pid_t pid = *last_ + 1; pid <= *now; ++pid) {
    const std::string status = read_proc_file("/proc/" + std::to_string(pid) + "/status");
    if (status.empty()) continue;                                                    // it has ended
    if (number_after(status, "Tgid:") != static_cast<std::uint64_t>(pid)) continue;  // a thread
    if (!program_of(pid, other) || (its.st_dev == other.st_dev && its.st_ino == other.st_ino)) return true;
  }
  return false;
}

}  // namespace heapglass
