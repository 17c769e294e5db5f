#include "platform/freezing/frozen_copy.h"

#include <chrono>
#include <map>
#include <thread>

#include "platform/process/cgroups.h"
#include "platform/process/proc_text.h"
#include "platform/process/threads.h"
#include "platform/stopping/safe_point_wait.h"

namespace heapglass {
namespace {

// A group that is on its way gets there in a moment, unless one of its tasks waits uninterruptibly.
constexpr std::chrono::milliseconds kStandsWithin{500};

bool stands(pid_t pid) {
  const auto until = std::chrono::steady_clock::now() + kStandsWithin;
  while (true) {
    const auto group = frozen_group(pid);
    if (!group || !group->by_first_version) return false;
    if (group->all_stand) return true;
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

// How often each thread gave up its processor: the same numbers twice say that none has run between.
std::map<pid_t, std::uint64_t> switches_of(pid_t pid) {
  std::map<pid_t, std::uint64_t> switches;
  for (const pid_t tid : list_threads(pid)) {
    const std::string status =
        read_proc_file("/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/status");
    switches[tid] = number_after(status, "voluntary_ctxt_switches:") +
                    number_after(status, "nonvoluntary_ctxt_switches:");
  }
  return switches;
}

}  // namespace

ThawedMeanwhile::ThawedMeanwhile(pid_t pid)
    : Error(ErrorKind::kUnreachable,
            "the control group of process " + std::to_string(pid) + " was thawed while its memory was read",
            "try again: it was neither held nor traced") {}

std::optional<Capture> take_frozen(const Process& process, const SafePoint& moment, const TakeBytes& take) {
  const pid_t pid = process.pid();
  if (!stands(pid)) return std::nullopt;
  const auto before = switches_of(pid);
  SafePointWait watch(process, moment);
  watch.await();
  watch.is_safe_now();
  Capture capture;
  process.check_alive();
  capture.mappings = process.mappings();
  capture.threads = look_at_threads(pid);
  take(capture, CopyClock::time_point::max(), false);
  if (!stands(pid) || switches_of(pid) != before) throw ThawedMeanwhile(pid);
  process.check_alive();
  capture.no_safe_point = watch.gave_up();
  return capture;
}

}  // namespace heapglass
