#include "lib/guard/trigger_state.h"

#include <algorithm>

#include "lib/render/numbers.h"

namespace heapglass {
namespace {

constexpr double kRearmBelow = 0.95;
constexpr int kParts = 20;
constexpr Monotonic kSoonest{5};

}  // namespace

std::optional<std::uint64_t> TriggerState::threshold(const std::optional<std::uint64_t>& limit) const {
  if (trigger_.kind == TriggerKind::kRss) return trigger_.bytes;
  if (trigger_.kind != TriggerKind::kMemory && trigger_.kind != TriggerKind::kAddresses) return std::nullopt;
  if (trigger_.percent == 0) return trigger_.bytes;
  if (!limit) return std::nullopt;
  return static_cast<std::uint64_t>(static_cast<double>(*limit) * trigger_.percent / 100);
}

void TriggerState::note_rate(std::uint64_t used, Monotonic now) {
  if (last_ && now > last_->first) {
    const double grown = used > last_->second ? static_cast<double>(used - last_->second) : 0;
    const double rate = grown / static_cast<double>((now - last_->first).count());
    // At once up, slowly down: a program that allocates by fits goes on with it.
    rate_ = std::max(rate, rate_ * 0.8);
    last_ = {now, used};
  } else if (!last_) {
    last_ = {now, used};
  }
}

std::string TriggerState::take(const MemoryReading& reading, Monotonic now) {
  note_rate(reading.used, now);
  if (trigger_.kind == TriggerKind::kGrowth) return take_growth(reading, now);
  threshold_ = threshold(reading.limit);
  if (!threshold_) return {};
  if (static_cast<double>(reading.used) < kRearmBelow * static_cast<double>(*threshold_)) fired_ = false;
  if (fired_ || reading.used <= *threshold_) return {};
  fired_ = true;
  const std::string used = human_bytes(reading.used);
  if (trigger_.kind == TriggerKind::kRss) return "the RSS is " + used;
  if (trigger_.kind == TriggerKind::kAddresses)
    return used + " of " + human_bytes(*reading.limit) + " of addresses are used";
  return reading.limit ? used + " of " + human_bytes(*reading.limit) + " are used" : used + " are used";
}

std::string TriggerState::take_growth(const MemoryReading& reading, Monotonic now) {
  const Monotonic part = std::max(trigger_.window / kParts, Monotonic(1));
  while (!window_.empty() && window_.front().first + trigger_.window < now) window_.pop_front();
  if (window_.empty() || window_.back().first + part <= now)
    window_.emplace_back(now, reading.used);
  else
    window_.back().second = std::min(window_.back().second, reading.used);
  std::uint64_t least = reading.used;
  for (const auto& [when, used] : window_) least = std::min(least, used);
  const std::uint64_t grown = reading.used - least;
  if (static_cast<double>(grown) < kRearmBelow * static_cast<double>(trigger_.bytes)) fired_ = false;
  threshold_ = least + trigger_.bytes;
  if (fired_ || grown <= trigger_.bytes) return {};
  fired_ = true;
  return "it grew by " + human_bytes(grown) + " to " + human_bytes(reading.used);
}

std::string TriggerState::take_count(std::uint64_t count, Monotonic) {
  const std::optional<std::uint64_t> before = std::exchange(count_, count);
  if (!before || count <= *before) return {};  // what was before us is not news; a new group counts from 0
  if (trigger_.kind == TriggerKind::kMemoryError)
    return "it raised MemoryError, " + std::to_string(count) + (count == 1 ? " time" : " times") +
           " since it is watched";
  if (trigger_.kind == TriggerKind::kPressure) return "tasks waited for memory";
  return "memory.events counts " + std::to_string(count) + " of " + trigger_.event;
}

Monotonic TriggerState::next_reading(Monotonic now, Monotonic idle) const {
  if (!threshold_ || !last_ || fired_) return now + idle;
  if (last_->second > *threshold_ || rate_ <= 0) return now + idle;
  const double left = static_cast<double>(*threshold_ - last_->second) / rate_ / 4;
  return now + Monotonic(static_cast<std::int64_t>(std::clamp(left, static_cast<double>(kSoonest.count()),
                                                              static_cast<double>(idle.count()))));
}

}  // namespace heapglass
