#include "lib/guard/guard.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <ostream>

#include "lib/base/error.h"
#include "lib/open/python_processes.h"
#include "lib/render/openmetrics.h"
#include "lib/render/output.h"
#include "lib/render/utf8.h"
#include "platform/files/file_descriptor.h"
#include "platform/process/cgroups.h"
#include "platform/process/process.h"
#include "platform/process/threads.h"

namespace heapglass {
namespace {

// A token is what it is of in its highest byte, a number, and in the lowest the number of a trigger.
constexpr std::uint64_t kSignal = std::uint64_t{1} << 56, kChange = std::uint64_t{2} << 56,
                        kChild = std::uint64_t{3} << 56, kWatched = std::uint64_t{4} << 56,
                        kKind = std::uint64_t{0xff} << 56;
constexpr unsigned kProcessEnd = 0xff;  // where the lowest byte has the number of a trigger

constexpr Monotonic kGroupsAnew{60'000};     // folders tell of new groups; this is for those that do not
constexpr Monotonic kProcessesAnew{10'000};  // nothing tells of new processes
constexpr Monotonic kSettle{20};             // several new groups are found by one search
constexpr Monotonic kSayAgain{60'000};
constexpr Monotonic kRetry{10'000};

std::string key_of(const GuardRule& rule, const std::string& name) { return rule.name + " " + name; }

// Cooldown and number are of a trigger: one because of growth is no reason to miss the kill.
// Of what is started again and again each process is another: there they are of the rule.
std::string limited_name(const std::string& subject, const std::string& trigger) {
  return subject + " " + trigger;
}

bool is_in(const std::string& directory) {
  const std::vector<std::string> own = cgroup_directories(getpid(), "memory");
  return std::find(own.begin(), own.end(), directory) != own.end();
}

bool any_without_groups(const GuardRules& rules) {
  return std::any_of(rules.rules.begin(), rules.rules.end(),
                     [](const GuardRule& each) { return !each.watches_groups(); });
}

}  // namespace

Guard::Guard(const GuardRules& rules, std::ostream& log)
    : rules_(rules),
      log_(log),
      files_(rules, boot_id()),
      actions_(
          rules, files_, wake_ups_, kChild,
          [this](const GuardRule& rule, const std::string& subject, const std::string& text) {
            this->log(&rule, subject, text);
          },
          [this](const ActionRequest& request, std::size_t good) { end_of_action(request, good); }) {
  take_many_descriptors();
  raise_priority();  // on a machine that is short of memory others are busy; what it starts gives this up
  wake_ups_.add(signals_.descriptor(), kSignal);
  wake_ups_.add(changes_.descriptor(), kChange);
}

void Guard::log(const GuardRule* rule, const std::string& subject, const std::string& text) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  std::tm utc{};
  gmtime_r(&now.tv_sec, &utc);
  char when[32], milliseconds[8];
  std::strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(milliseconds, sizeof milliseconds, ".%03dZ", static_cast<int>(now.tv_nsec / 1'000'000));
  log_ << when << milliseconds << " ";
  if (rule && !subject.empty()) log_ << rule->name << ": " << printable(subject) << ": ";
  log_ << printable(text) << "\n" << std::flush;
  gauges_changed_ = true;
}

// 0: guard goes on.
int Guard::take_signal(const std::function<std::string()>& may_begin_anew) {
  const int signal = signals_.take();
  if (signal == SIGHUP) {
    const std::string why = may_begin_anew();
    begins_anew_ = why.empty();
    if (!why.empty()) log(nullptr, "", "the rules stay as they were: " + why);
    return 0;
  }
  return signal != 0 ? signal : begins_anew_ && actions_.is_idle() ? SIGHUP : 0;
}

int Guard::run(const std::function<std::string()>& may_begin_anew) {
  log(nullptr, "",
      "guard began: " + std::to_string(rules_.rules.size()) +
          (rules_.rules.size() == 1 ? " rule" : " rules") + ", files in " + rules_.folder);
  int signal = 0;
  while (true) {
    Monotonic now = time_since_boot();
    if (now >= next_discovery_) discover(now);
    read_what_is_due(now);
    take_baselines(now);
    take_records(now);
    actions_.step(time_since_boot());
    if (gauges_changed_) write_gauges();
    now = time_since_boot();
    const auto tokens = wake_ups_.wait(std::max(next_wake(now) - now, Monotonic(0)));
    take_wakes(tokens, time_since_boot());
    signal = take_signal(may_begin_anew);
    if (signal != 0) break;
  }
  actions_.end_all();
  const std::string why = files_.save();
  if (!why.empty()) log(nullptr, "", "the state could not be written: " + why);
  log(nullptr, "", signal == SIGHUP ? "guard ends to begin anew" : "guard ends");
  return signal;
}

void Guard::discover(Monotonic now) {
  std::set<std::string> seen;
  discover_groups(now, seen);
  discover_processes(now, seen);
  std::vector<Id> gone;
  for (const auto& [id, watched] : watched_)
    if (!seen.contains(key_of(watched->rule(), watched->name()))) gone.push_back(id);
  for (const Id id : gone)
    forget(id, watched_.at(id)->is_group() ? "the group is gone" : "the rule is not for it any more");
  files_.ledger().prune(rules_, now);
  std::erase_if(refused_, [&](const auto& each) { return now >= each.second + kSayAgain; });
  next_discovery_ = now + (any_without_groups(rules_) ? kProcessesAnew : kGroupsAnew);
}

void Guard::discover_groups(Monotonic now, std::set<std::string>& seen) {
  for (const GuardRule& rule : rules_.rules)
    for (const std::string& pattern : rule.groups) {
      for (const std::string& folder : folders_of_pattern(pattern)) {
        const int watch = changes_.watch_folder(folder);
        if (watch >= 0) folder_watches_.insert(watch);
      }
      for (const std::string& directory : groups_of_pattern(pattern)) {
        const std::string key = key_of(rule, directory);
        const bool is_known = by_key_.contains(key);
        // A group that was removed and made anew between two searches is another one.
        if (is_known && watched_.at(by_key_.at(key))->memory().used()) {
          seen.insert(key);
          continue;
        }
        if (is_known) forget(by_key_.at(key), "the group is gone");
        if (auto group = Watched::group(rule, directory, now)) {
          seen.insert(key);
          watch(rule, std::move(group));
        }
      }
    }
}

void Guard::discover_processes(Monotonic now, std::set<std::string>& seen) {
  if (!any_without_groups(rules_)) return;
  const std::vector<pid_t> pids = all_pids();
  for (const GuardRule& rule : rules_.rules) {
    if (rule.watches_groups()) continue;
    for (const pid_t pid : pids) {
      if (pid == getpid() || getpgid(pid) == getpid() || !filter_.fits(rule, pid)) continue;
      const std::string key = key_of(rule, "process " + std::to_string(pid));
      const auto known = by_key_.find(key);
      if (known != by_key_.end() && !watched_.at(known->second)->is_still_that_process())
        end_of_process(known->second, now);
      if (!by_key_.contains(key)) {
        auto process = Watched::process(rule, pid, now);
        if (!process || !process->read(now, reading_times(watched_.size())))
          continue;  // it has ended, or has no memory
        watch(rule, std::move(process));
      }
      seen.insert(key);
    }
  }
}

void Guard::watch(const GuardRule& rule, std::unique_ptr<Watched> watched) {
  const Id id = next_id_++;
  const std::uint64_t token = kWatched | id << 8;
  watched->arm(wake_ups_, changes_, token);
  if (watched->changes_watch() >= 0) by_change_[watched->changes_watch()].push_back(id);
  if (watched->process_descriptor() >= 0) wake_ups_.add(watched->process_descriptor(), token | kProcessEnd);
  watched->next_record = watched->since();
  if (rule.push && !watched->is_group()) watched->pushed_as = pushed_as(watched->pid(), "");
  watched->has_baseline = !files_.ledger().newest_snapshot(rule.name, watched->name()).empty();
  by_key_[key_of(rule, watched->name())] = id;
  log(&rule, watched->name(), "is watched");
  if (!watched->why_no_errors().empty())
    log(&rule, watched->name(), "memory-error is not counted: " + watched->why_no_errors());
  if (watched->is_group() && is_in(watched->name()))
    log(&rule, watched->name(), "guard itself is in this group: what it copies counts there");
  watched_.emplace(id, std::move(watched));
}

void Guard::forget(Id id, const std::string& why) {
  const auto found = watched_.find(id);
  if (found == watched_.end()) return;
  Watched& watched = *found->second;
  log(&watched.rule(), watched.name(), why);
  const auto changes = by_change_.find(watched.changes_watch());
  // Two rules may watch one group, whose events have one number.
  if (changes != by_change_.end() && std::erase(changes->second, id) && changes->second.empty())
    by_change_.erase(changes);
  watched.disarm(wake_ups_, changes_);
  by_key_.erase(key_of(watched.rule(), watched.name()));
  watched_.erase(found);
}

void Guard::take_wakes(const std::vector<std::uint64_t>& tokens, Monotonic now) {
  for (const std::uint64_t token : tokens) {
    if ((token & kKind) == kChange) {
      for (const int watch : changes_.take()) {
        constexpr int kLost = -1;  // there were more changes than the kernel keeps
        if (watch == kLost || folder_watches_.contains(watch))
          next_discovery_ = std::min(next_discovery_, now + kSettle);
        const auto of = by_change_.find(watch);
        if (of == by_change_.end()) continue;
        for (const Id id : of->second) watched_.at(id)->woken(wake_ups_, kProcessEnd, now);
      }
    } else if ((token & kKind) == kWatched) {
      const Id id = (token & ~kKind) >> 8;
      const unsigned trigger = token & 0xff;
      if (!watched_.contains(id)) continue;
      if (trigger == kProcessEnd)
        end_of_process(id, now);
      else
        watched_.at(id)->woken(wake_ups_, trigger, now);
    }
  }
}

void Guard::read_what_is_due(Monotonic now) {
  const ReadingTimes times = reading_times(watched_.size());
  std::vector<Id> gone;
  for (const auto& [id, watched] : watched_) {
    if (watched->next_reading() > now) continue;
    if (!watched->read(now, times)) {
      gone.push_back(id);
      continue;
    }
    if (const auto fired = watched->take_fired()) act(*watched, *fired, now);
  }
  for (const Id id : gone)
    if (watched_.at(id)->is_group())
      forget(id, "the group is gone");
    else
      end_of_process(id, now);
}

void Guard::end_of_process(Id id, Monotonic now) {
  Watched& watched = *watched_.at(id);
  const Watched::End end = watched.end();
  if (end.fired) act(watched, *end.fired, now);
  forget(id, "it " + end.text);
}

ActionRequest Guard::request_of(const Watched& watched, Watched::Fired fired, bool is_baseline) const {
  ActionRequest out{.rule = &watched.rule(),
                    .subject = watched.name(),
                    .directory = {},
                    .process = {},
                    .fired = std::move(fired),
                    .bytes = watched.last().used,
                    .is_baseline = is_baseline};
  if (watched.is_group()) {
    out.directory = watched.name();
  } else if (out.fired.is_end) {
    out.process.pid = watched.pid();
    out.pushed_as = watched.pushed_as;
  } else {
    ProcStat stat;
    if (watched.is_still_that_process() && read_proc_stat(watched.pid(), stat))
      out.process = {watched.pid(), stat.start_time, 0};
  }
  return out;
}

void Guard::act(Watched& watched, const Watched::Fired& fired, Monotonic now) {
  const GuardRule& rule = watched.rule();
  const std::string what = fired.trigger + " (" + fired.why + ")",
                    limited = limited_name(fired.is_end ? "any process" : watched.name(), fired.trigger);
  const std::string refusal = files_.ledger().refusal(rule, limited, now);
  if (!refusal.empty()) {
    // An event may come a hundred times a second.
    const auto [last, is_first] = refused_.try_emplace(rule.name + " " + limited, now);
    if (is_first || now >= last->second + kSayAgain) {
      last->second = now;
      log(&rule, watched.name(), what + ": not acted on, " + refusal);
    }
    return;
  }
  ActionRequest request = request_of(watched, fired, false);
  if (actions_.is_acted_on(request)) return log(&rule, watched.name(), what + ": it is being acted on");
  log(&rule, watched.name(), what);
  files_.ledger().acted(rule, limited, now);
  actions_.add(std::move(request));
  // Before anything else: it may be killed soon. The state is written while the capture runs.
  actions_.step(now);
  const std::string why = files_.save();
  if (!why.empty()) log(&rule, watched.name(), "the state could not be written: " + why);
}

void Guard::take_baselines(Monotonic now) {
  for (const auto& [id, watched] : watched_) {
    const GuardRule& rule = watched->rule();
    if (rule.baseline.count() == 0 || watched->has_baseline || now < watched->since() + rule.baseline)
      continue;
    watched->has_baseline = true;
    ActionRequest request = request_of(*watched, {"baseline", "", false}, true);
    if (!actions_.is_acted_on(request)) actions_.add(std::move(request));
  }
}

// Of those that come at one time each has its own times.
void Guard::take_records(Monotonic now) {
  for (const auto& [id, watched] : watched_) {
    const Monotonic every = watched->rule().record;
    if (every.count() == 0 || now < watched->next_record) continue;
    watched->next_record = std::max(watched->next_record + every, now + every / 2);
    ActionRequest request = request_of(*watched, {"record", "", false}, false);
    request.is_record = true;
    // One that takes longer than its interval leaves the next out.
    if (!actions_.is_acted_on(request)) actions_.add(std::move(request));
  }
}

void Guard::end_of_action(const ActionRequest& request, std::size_t good) {
  if (good > 0 || request.is_by_time()) return;
  files_.ledger().take_back(request.rule->name, limited_name(request.subject, request.fired.trigger));
  const auto id = by_key_.find(key_of(*request.rule, request.subject));
  if (id != by_key_.end()) watched_.at(id->second)->rearm(time_since_boot() + kRetry);
}

Monotonic Guard::next_wake(Monotonic now) const {
  if (begins_anew_ && actions_.is_idle()) return now;
  Monotonic soonest = std::min(next_discovery_, actions_.next_deadline());
  for (const auto& [id, watched] : watched_) {
    soonest = std::min(soonest, watched->next_reading());
    if (watched->rule().record.count() > 0) soonest = std::min(soonest, watched->next_record);
    const Monotonic baseline = watched->rule().baseline;
    if (baseline.count() > 0 && !watched->has_baseline)
      soonest = std::min(soonest, watched->since() + baseline);
  }
  return soonest;
}

void Guard::write_gauges() {
  gauges_changed_ = false;
  if (rules_.gauge.empty()) return;
  std::vector<Gauge> gauges{
      {"heapglass_guard_watched", "groups and processes that are watched", {}},
      {"heapglass_guard_fired", "how often a trigger fired and was acted on, since guard began", {}},
      {"heapglass_guard_snapshots", "snapshots that were written, since guard began", {}},
      {"heapglass_guard_records", "snapshots of the recorder that were written, since guard began", {}},
      {"heapglass_guard_failures", "actions that failed, since guard began", {}},
      {"heapglass_guard_last_snapshot_timestamp_seconds", "when the last snapshot was written", {}}};
  for (const GuardRule& rule : rules_.rules) {
    const ActionCounts& counts = actions_.counts(rule);
    const auto watched = std::count_if(watched_.begin(), watched_.end(),
                                       [&](const auto& each) { return &each.second->rule() == &rule; });
    const double values[] = {
        static_cast<double>(watched),          static_cast<double>(counts.fired),
        static_cast<double>(counts.snapshots), static_cast<double>(counts.records),
        static_cast<double>(counts.failures),  static_cast<double>(counts.last_snapshot)};
    for (std::size_t i = 0; i < gauges.size(); ++i)
      if (i + 1 < gauges.size() || counts.last_snapshot)
        gauges[i].samples.push_back({{{"rule", rule.name}}, values[i]});
  }
  gauges.push_back(
      {"heapglass_guard_disk_bytes", "files of guard", {{{}, static_cast<double>(files_.bytes())}}});
  try {
    Output out(rules_.gauge, FileMode(0644));
    out.stream() << openmetrics(gauges);
    out.commit();
  } catch (const Error& error) {
    log(nullptr, "", std::string("the gauges could not be written: ") + error.what());
    gauges_changed_ = false;
  }
}

}  // namespace heapglass
