// When a trigger fires, from figures and a clock that are given: no file is read here.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "lib/guard/rules.h"

namespace heapglass {

// Milliseconds of a clock that never goes back (CLOCK_BOOTTIME).
using Monotonic = std::chrono::milliseconds;

// Or of addresses, with the process' own limit of them.
struct MemoryReading {
  std::uint64_t used = 0;              // without what the kernel drops before it runs short
  std::optional<std::uint64_t> limit;  // of the group
};

// Of one trigger and one group or process.
class TriggerState {
 public:
  explicit TriggerState(const Trigger& trigger) : trigger_(trigger) {}

  // The used bytes at which it fires; nothing where it is no threshold, or there is no limit.
  std::optional<std::uint64_t> threshold(const std::optional<std::uint64_t>& limit) const;

  // Why it fires now: "58.1 MB of 64.0 MB are used"; empty: it does not. Once it has fired it does so again
  // only after it has been 5 % below its threshold.
  std::string take(const MemoryReading& reading, Monotonic now);
  // The count of its event: of memory.events, or of what the kernel woke us for.
  std::string take_count(std::uint64_t count, Monotonic now);

  // It has fired, and nothing came of that: it may again.
  void rearm() { fired_ = false; }

  // When the next reading is due where the kernel has no event: after a quarter of the time that is left to
  // the threshold at the fastest growth of late, within `idle` and 5 ms.
  Monotonic next_reading(Monotonic now, Monotonic idle) const;

 private:
  std::string take_growth(const MemoryReading& reading, Monotonic now);
  void note_rate(std::uint64_t used, Monotonic now);

  Trigger trigger_;
  bool fired_ = false;
  std::optional<std::uint64_t> count_, threshold_;
  std::deque<std::pair<Monotonic, std::uint64_t>> window_;  // the least of each twentieth of it
  std::optional<std::pair<Monotonic, std::uint64_t>> last_;
  double rate_ = 0;  // bytes a millisecond, of late
};

}  // namespace heapglass
