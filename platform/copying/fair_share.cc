#include "platform/copying/fair_share.h"

#include <fcntl.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace heapglass {
namespace {

// What others wait at most, and what they then get: a fifth of the time. Longer slices would not be shorter
// than what a tick of 4 ms lets a thread wait anyway.
constexpr std::chrono::microseconds kSlice{2500};
constexpr timespec kTurnOfOthers{0, 700'000};

}  // namespace

FairShare::FairShare(bool urgent)
    : comes_first_(!urgent && sched_getscheduler(0) == SCHED_FIFO), since_(std::chrono::steady_clock::now()) {
  if (comes_first_) load_ = FileDescriptor(::open("/proc/loadavg", O_RDONLY | O_CLOEXEC));
}

// "0.20 0.18 0.12 3/80 11206": what runs or wants to, of all that there is (fs/proc/loadavg.c).
bool FairShare::somebody_waits() const {
  char text[128] = {};
  if (pread(load_.get(), text, sizeof text - 1, 0) <= 0) return true;
  const char* at = text;
  for (int words = 0; words < 3 && at; ++words) {
    at = std::strchr(at, ' ');
    if (at) ++at;
  }
  return !at || std::strtol(at, nullptr, 10) > sysconf(_SC_NPROCESSORS_ONLN);
}

void FairShare::give_way() {
  if (!comes_first_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - since_ < kSlice) return;
  if (somebody_waits()) nanosleep(&kTurnOfOthers, nullptr);
  since_ = std::chrono::steady_clock::now();
}

}  // namespace heapglass
