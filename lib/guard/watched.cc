#include "lib/guard/watched.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "lib/render/numbers.h"
#include "platform/process/proc_text.h"
#include "platform/process/process.h"
#include "platform/process/process_end.h"

namespace heapglass {
namespace {

// While a group is new its limit may be still to come: who makes it sets that next.
constexpr Monotonic kNew{2000}, kEachWhileNew{100};
constexpr Monotonic kEachCount{200};  // of MemoryError

std::uint64_t page_bytes() {
  static const auto bytes = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

}  // namespace

ReadingTimes reading_times(std::size_t watched) {
  const auto n = static_cast<std::int64_t>(watched);
  return {.idle = std::clamp(Monotonic(n * 10), Monotonic(1000), Monotonic(10'000)),
          .limits = std::clamp(Monotonic(n * 50), Monotonic(1000), Monotonic(60'000))};
}

Watched::Watched(const GuardRule& rule, std::string name, Monotonic now)
    : rule_(rule), name_(std::move(name)), since_(now), next_reading_(now), next_limits_(now) {
  for (const Trigger& each : rule.triggers) triggers_.push_back({TriggerState(each), {}, {}, 0, {}});
}

std::unique_ptr<Watched> Watched::group(const GuardRule& rule, const std::string& directory, Monotonic now) {
  std::unique_ptr<Watched> out(new Watched(rule, directory, now));
  out->directory_ = directory;
  out->group_ = MemoryGroup::open_limited(directory);
  if (!out->group_ || !out->group_->used()) return nullptr;
  return out;
}

std::unique_ptr<Watched> Watched::process(const GuardRule& rule, pid_t pid, Monotonic now) {
  std::unique_ptr<Watched> out(new Watched(rule, "process " + std::to_string(pid), now));
  out->pid_ = pid;
  out->pidfd_ = FileDescriptor(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  out->statm_ =
      FileDescriptor(open(("/proc/" + std::to_string(pid) + "/statm").c_str(), O_RDONLY | O_CLOEXEC));
  ProcStat stat;
  if (!out->pidfd_ || !out->statm_ || !read_proc_stat(pid, stat)) return nullptr;
  out->start_time_ = stat.start_time;
  return out;
}

bool Watched::is_still_that_process() const {
  ProcStat stat;
  return read_proc_stat(pid_, stat) && stat.start_time == start_time_;
}

void Watched::arm(WakeUps& wake_ups, FileChanges& changes, std::uint64_t token) {
  token_ = token;
  wake_ups_ = &wake_ups;
  if (group_ && !group_->events_file().empty()) changes_watch_ = changes.watch_content(group_->events_file());
  renew_events();
}

void Watched::disarm(WakeUps& wake_ups, FileChanges& changes) {
  for (Armed& each : triggers_)
    if (each.event) wake_ups.remove(each.event.get());
  if (pidfd_) wake_ups.remove(pidfd_.get());
  changes.forget(changes_watch_);
  wake_ups_ = nullptr;
}

void Watched::renew_events() {
  if (group_ && !group_->limit())  // somebody may have given one by now, to it or above it
    if (auto limited = MemoryGroup::open_limited(directory_)) group_ = std::move(limited);
  if (group_) last_.limit = group_->limit();
  if (waits_for(TriggerKind::kAddresses)) renew_limit_of_addresses();
  if (waits_for(TriggerKind::kMemoryError)) renew_error_counter();
  for (std::size_t i = 0; i < triggers_.size(); ++i) arm_trigger(i);
}

bool Watched::waits_for(TriggerKind kind) const {
  return std::any_of(rule_.triggers.begin(), rule_.triggers.end(),
                     [&](const Trigger& each) { return each.kind == kind; });
}

// RLIMIT_AS, beyond which the process is given no memory: malloc fails, and MemoryError is raised.
void Watched::renew_limit_of_addresses() {
  const std::string limits = read_proc_file("/proc/" + std::to_string(pid_) + "/limits");
  const std::string soft = line_after(limits, "Max address space");
  char* behind = nullptr;
  const std::uint64_t bytes = std::strtoull(soft.c_str(), &behind, 10);
  addresses_.limit = behind != soft.c_str() ? std::optional(bytes) : std::nullopt;  // "unlimited"
}

// What has just been started may have no interpreter yet.
void Watched::renew_error_counter() {
  if (errors_) return errors_->take_new_threads();
  errors_ = MemoryErrorCounter::open(pid_, why_no_errors_);
  if (!errors_) return;
  why_no_errors_.clear();
  for (std::size_t i = 0; i < triggers_.size(); ++i)
    if (rule_.triggers[i].kind == TriggerKind::kMemoryError) triggers_[i].state.take_count(0, since_);
}

void Watched::arm_trigger(std::size_t at) {
  if (!wake_ups_ || !group_) return;
  Armed& armed = triggers_[at];
  const Trigger& trigger = rule_.triggers[at];
  FileDescriptor event;
  if (trigger.kind == TriggerKind::kMemory) {
    const auto bytes = armed.state.threshold(last_.limit);
    if (bytes == armed.bytes) return;
    if (armed.event) wake_ups_->remove(armed.event.get());
    armed.bytes = bytes;
    if (bytes) event = group_->threshold_event(*bytes);
    armed.event = FileDescriptor();
  } else if (armed.event) {
    return;
  } else if (trigger.kind == TriggerKind::kPressure) {
    event = pressure_event(directory_, trigger.full, trigger.stall, trigger.window, armed.why_not);
  } else if (trigger.kind == TriggerKind::kEvent && trigger.event == "oom") {
    event = group_->oom_event();
  }
  if (!event || !wake_ups_->add(event.get(), token_ | at, trigger.kind == TriggerKind::kPressure)) return;
  armed.event = std::move(event);
}

void Watched::woken(WakeUps& wake_ups, unsigned trigger, Monotonic now) {
  next_reading_ = now;
  events_due_ = true;
  if (trigger >= triggers_.size()) return;
  Armed& armed = triggers_[trigger];
  if (rule_.triggers[trigger].kind == TriggerKind::kPressure) {
    if (armed.woken == 0) armed.state.take_count(0, now);
    ++armed.woken;
    // The group is gone: the kernel says so again and again.
    if (access((directory_ + "/cgroup.procs").c_str(), F_OK) != 0) {
      wake_ups.remove(armed.event.get());
      armed.event = FileDescriptor();
    }
  } else if (armed.event) {
    drain_event(armed.event.get());
  }
}

bool Watched::read_figures() {
  if (group_) {
    const auto used = group_->used();
    if (!used) return false;
    last_.used = *used;
    const bool grows = std::any_of(rule_.triggers.begin(), rule_.triggers.end(),
                                   [](const Trigger& each) { return each.kind == TriggerKind::kGrowth; });
    if (grows || is_near_a_threshold()) last_.used -= std::min(last_.used, group_->droppable());
    return true;
  }
  std::array<char, 128> text{};
  const ssize_t got = pread(statm_.get(), text.data(), text.size() - 1, 0);
  if (got <= 0) return false;
  char* behind_size = nullptr;
  addresses_.used = std::strtoull(text.data(), &behind_size, 10) * page_bytes();
  last_.used = std::strtoull(behind_size, nullptr, 10) * page_bytes();
  return last_.used > 0;  // 0: it has ended, and waits for its parent
}

bool Watched::is_near_a_threshold() const {
  return std::any_of(triggers_.begin(), triggers_.end(), [&](const Armed& each) {
    const auto threshold = each.state.threshold(last_.limit);
    return threshold && last_.used > *threshold;
  });
}

bool Watched::read(Monotonic now, const ReadingTimes& times) {
  if (now >= next_limits_) {
    renew_events();
    next_limits_ = now + (now < since_ + kNew ? kEachWhileNew : times.limits);
  }
  if (!read_figures()) return false;
  take_triggers(now, times);
  return true;
}

// Why it fires now; empty: it does not.
std::string Watched::take(const Trigger& trigger, Armed& armed, Monotonic now) {
  switch (trigger.kind) {
    case TriggerKind::kEvent: {
      const auto count = events_due_ ? group_->event_count(trigger.event) : std::nullopt;
      return count ? armed.state.take_count(*count, now) : "";
    }
    case TriggerKind::kPressure:
      return armed.woken ? armed.state.take_count(armed.woken, now) : "";
    case TriggerKind::kMemoryError:
      return errors_ ? armed.state.take_count(errors_->count(), now) : "";
    case TriggerKind::kEnd:
      return {};
    case TriggerKind::kAddresses:
      return armed.state.take(addresses_, now);
    default:
      return armed.state.take(last_, now);
  }
}

Monotonic Watched::next_reading_of(const Trigger& trigger, const Armed& armed, Monotonic now,
                                   const ReadingTimes& times) const {
  switch (trigger.kind) {
    case TriggerKind::kEvent:
      return changes_watch_ < 0 ? now + times.idle : next_limits_;
    case TriggerKind::kMemoryError:
      return errors_ ? now + kEachCount : next_limits_;
    case TriggerKind::kPressure:
    case TriggerKind::kEnd:
      return next_limits_;
    default:
      break;
  }
  // An eventfd wakes at the threshold; above it, with pages that can be dropped, it has nothing more to say.
  if (armed.event && armed.bytes && group_->used().value_or(0) <= *armed.bytes) return next_limits_;
  Monotonic idle = times.idle;
  if (trigger.kind == TriggerKind::kGrowth)
    idle = std::clamp(trigger.window / 20, Monotonic(100), std::max(idle, Monotonic(10'000)));
  return armed.state.next_reading(now, idle);
}

Watched::End Watched::end() {
  const std::optional<int> status = end_status(pid_, start_time_, pidfd_.get());
  End out{describe_end(status), std::nullopt};
  if (const std::uint64_t errors = errors_ ? errors_->count() : 0; errors > 0)
    out.text += " after " + std::to_string(errors) + (errors == 1 ? " time" : " times") + " MemoryError";
  for (const Trigger& each : rule_.triggers)
    if (each.kind == TriggerKind::kEnd && !(each.failed && status == 0)) {
      out.fired = Fired{.trigger = each.text, .why = "it " + out.text, .is_end = true};
      break;
    }
  return out;
}

void Watched::take_triggers(Monotonic now, const ReadingTimes& times) {
  next_reading_ = next_limits_;
  const bool is_held = now < held_until_;
  if (is_held) next_reading_ = std::min(next_reading_, held_until_);
  for (std::size_t i = 0; i < triggers_.size(); ++i) {
    const Trigger& trigger = rule_.triggers[i];
    Armed& armed = triggers_[i];
    const std::string why = take(trigger, armed, now);
    next_reading_ = std::min(next_reading_, next_reading_of(trigger, armed, now, times));
    if (why.empty()) continue;
    if (is_held) {
      armed.state.rearm();
      continue;
    }
    if (fired_) continue;
    const bool near = trigger.kind == TriggerKind::kMemory || trigger.kind == TriggerKind::kEvent ||
                      trigger.kind == TriggerKind::kPressure;
    fired_ = Fired{trigger.text, why, near};
  }
  // In version 2 a count does not change without a word of the kernel; where that cannot be had it is read.
  events_due_ = group_ && changes_watch_ < 0;
}

void Watched::rearm(Monotonic at) {
  held_until_ = at;
  for (Armed& each : triggers_) each.state.rearm();
  next_reading_ = std::min(next_reading_, at);
}

std::vector<std::string> Watched::ways(const ReadingTimes& times) const {
  std::vector<std::string> out;
  const std::string reading = "a reading each " + human_milliseconds(static_cast<double>(times.idle.count()));
  for (std::size_t i = 0; i < triggers_.size(); ++i) {
    const Trigger& trigger = rule_.triggers[i];
    const Armed& armed = triggers_[i];
    if (trigger.kind == TriggerKind::kPressure)
      out.push_back(armed.event ? "event" : armed.why_not);
    else if (trigger.kind == TriggerKind::kEvent && !group_->event_count(trigger.event))
      out.push_back("never: version 1 does not count it");
    else if (trigger.kind == TriggerKind::kEvent)
      out.push_back(armed.event || changes_watch_ >= 0 ? "event" : reading);
    else if (trigger.kind == TriggerKind::kMemory && !armed.state.threshold(last_.limit))
      out.push_back("never: it has no limit");
    else if (trigger.kind == TriggerKind::kAddresses && !addresses_.limit)
      out.push_back("never: it has no limit of addresses");
    else if (trigger.kind == TriggerKind::kMemoryError)
      out.push_back(errors_ ? "a count each " + human_milliseconds(static_cast<double>(kEachCount.count()))
                            : "never: " + why_no_errors_);
    else if (trigger.kind == TriggerKind::kEnd)
      out.push_back("event");
    else if (trigger.kind == TriggerKind::kGrowth)
      out.push_back("a reading each " +
                    human_milliseconds(static_cast<double>(std::clamp(trigger.window / 20, Monotonic(100),
                                                                      std::max(times.idle, Monotonic(10'000)))
                                                               .count())));
    else
      out.push_back(armed.event ? "event" : reading + ", sooner while it grows");
  }
  return out;
}

}  // namespace heapglass
