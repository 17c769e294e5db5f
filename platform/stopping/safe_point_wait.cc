#include "platform/stopping/safe_point_wait.h"

#include <time.h>

#include <algorithm>
#include <thread>

#include "platform/process/threads.h"

namespace heapglass {
namespace {

// One that collects and gets no processor time for so long waits in the middle of it, for a lock or in a
// callback: it may do so for ever.
constexpr std::chrono::milliseconds kStandsStill{150};

std::optional<std::chrono::nanoseconds> processor_time_of(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) return std::nullopt;
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

SafePointWait::SafePointWait(const Process& process, const SafePoint& safe_point)
    : process_(process), moment_(safe_point), until_(Clock::now() + safe_point.budget) {}

bool SafePointWait::good() const {
  return std::all_of(moment_.zero.begin(), moment_.zero.end(), [&](Address flag) {
    return read_as<std::int32_t>(process_, flag).value_or(0) == 0;  // unreadable: that interpreter is gone
  });
}

bool SafePointWait::stands_still() {
  const auto now = Clock::now();
  const auto used = processor_time_of(process_.id());
  if (!used) return true;
  if (!idle_since_ || *used != processor_time_) {
    idle_since_ = now;
    processor_time_ = *used;
  }
  return now - *idle_since_ > kStandsStill;
}

void SafePointWait::await() {
  for (unsigned round = 0; !no_use_ && !good(); ++round) {
    if (round % 64 == 0) {
      const char state = thread_state(process_.pid(), process_.pid());
      no_use_ = Clock::now() > until_ || state == 'T' || state == 't' || stands_still();
    }
    // Most collections take less than a millisecond, and the next may begin soon after.
    if (!no_use_) std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
}

bool SafePointWait::is_safe_now() {
  ++looks_;
  if (good()) {
    gave_up_ = false;
    return true;
  }
  gave_up_ = no_use_ || Clock::now() > until_;
  return gave_up_;
}

}  // namespace heapglass
