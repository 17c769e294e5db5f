#include "platform/process/wait_limit.h"

#include <atomic>
#include <chrono>
#include <cstdint>

namespace heapglass {
namespace {

constexpr std::chrono::milliseconds kTick{100};
struct Rule {
  int ticks;
  const char* what;
};
constexpr std::array<Rule, WaitLimit::kKinds> kRules{
    {{50, "a read of its memory or of its files in /proc did not come back within 5 s"},
     {1200, "its programs and libraries could not be read within 2 minutes"}}};

// Each wait is a number of its own, so that two short ones are not taken for a long one.
constexpr std::size_t kSlots = 64;
struct WaitSlot {
  std::atomic<std::uint64_t> wait{0};  // 0: free; the kind is in the lowest bits
};
std::array<WaitSlot, kSlots> slots;
std::atomic<std::uint64_t> next_wait{1};
std::atomic<unsigned> next_hint{0};

}  // namespace

WaitLimit::WaitLimit(Kind kind) : slot_(kSlots) {
  thread_local unsigned hint = next_hint++ * 4 % kSlots;
  const std::uint64_t wait = next_wait++ << 8 | kind;
  for (unsigned i = 0; i < kSlots; ++i) {
    std::uint64_t free = 0;
    const unsigned at = (hint + i) % kSlots;
    if (!slots[at].wait.compare_exchange_strong(free, wait, std::memory_order_relaxed)) continue;
    slot_ = at;
    return;
  }
}

WaitLimit::~WaitLimit() {
  if (slot_ < kSlots) slots[slot_].wait.store(0, std::memory_order_relaxed);
}

WaitWatch::WaitWatch(std::function<void(const std::string& what)> on_late)
    : thread_([this, on_late = std::move(on_late)] { watch(on_late); }) {}

WaitWatch::~WaitWatch() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  ends_.notify_all();
  thread_.join();
}

// Counts its own rounds and no clock: where somebody has stopped us, that is no wait of the target's making.
void WaitWatch::watch(const std::function<void(const std::string&)>& on_late) {
  std::array<std::uint64_t, kSlots> seen{};
  std::array<int, kSlots> rounds{};
  std::unique_lock lock(mutex_);
  while (!ends_.wait_for(lock, kTick, [this] { return ended_; })) {
    for (std::size_t i = 0; i < kSlots; ++i) {
      const std::uint64_t wait = slots[i].wait.load(std::memory_order_relaxed);
      rounds[i] = wait != 0 && wait == seen[i] ? rounds[i] + 1 : 0;
      seen[i] = wait;
      const Rule& rule = kRules[(wait & 0xff) % kRules.size()];
      if (rounds[i] < rule.ticks) continue;
      on_late(rule.what);
      return;
    }
  }
}

}  // namespace heapglass
