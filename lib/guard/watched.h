// One group or process that a rule watches: its figures, its triggers, and what of the kernel wakes guard for
// it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/guard/action_words.h"
#include "lib/guard/rules.h"
#include "lib/guard/trigger_state.h"
#include "platform/binaries/memory_errors.h"
#include "platform/process/memory_group.h"
#include "platform/process/wake_ups.h"

namespace heapglass {

// How often what does not change is read, by how many are watched: 0.06 % of a core at most.
struct ReadingTimes {
  Monotonic idle{1000};    // used memory, where the kernel has no event for its threshold
  Monotonic limits{1000};  // limits, and what could not be waited for yet
};
ReadingTimes reading_times(std::size_t watched);

class Watched {
 public:
  struct Fired {
    std::string trigger, why;  // "memory > 90%", "58.1 MB of 64.0 MB are used"
    bool kill_is_near = false;
    bool is_end = false;  // the process is gone
  };

  // A group by its directory. Nothing where it is gone, or has no figures of memory.
  static std::unique_ptr<Watched> group(const GuardRule& rule, const std::string& directory, Monotonic now);
  static std::unique_ptr<Watched> process(const GuardRule& rule, pid_t pid, Monotonic now);

  // Waits for its events from now on; `token` with the number of a trigger in its lowest byte wakes.
  void arm(WakeUps& wake_ups, FileChanges& changes, std::uint64_t token);
  void disarm(WakeUps& wake_ups, FileChanges& changes);
  // What the kernel woke us for, by the token's lowest byte.
  void woken(WakeUps& wake_ups, unsigned trigger, Monotonic now);
  int changes_watch() const { return changes_watch_; }  // of FileChanges; -1: none

  // Reads its figures. False: it is gone. What fired is in fired(), once.
  bool read(Monotonic now, const ReadingTimes& times);
  std::optional<Fired> take_fired() { return std::exchange(fired_, std::nullopt); }
  Monotonic next_reading() const { return next_reading_; }
  // Of a process that has ended: how, "exited with code 1 after 3 times MemoryError", and what of its rule
  // fires for that.
  struct End {
    std::string text;
    std::optional<Fired> fired;
  };
  End end();
  // Nothing came of what fired: it may fire again from then on.
  void rearm(Monotonic at);

  const GuardRule& rule() const { return rule_; }
  const std::string& name() const { return name_; }  // "/sys/fs/cgroup/shop", "process 4711"
  bool is_group() const { return group_.has_value(); }
  const MemoryGroup& memory() const { return *group_; }
  pid_t pid() const { return pid_; }
  bool is_still_that_process() const;
  int process_descriptor() const { return pidfd_.get(); }
  MemoryReading last() const { return last_; }
  MemoryReading last_addresses() const { return addresses_; }
  // Why MemoryError is not counted, where its rule asks for that.
  const std::string& why_no_errors() const { return why_no_errors_; }
  Monotonic since() const { return since_; }
  bool has_baseline = false;
  PushedAs pushed_as;        // where its rule sends, and it is a process: for when it has ended
  Monotonic next_record{0};  // where its rule records

  // How each trigger is waited for, for --check: "event", "event and a reading each 1.00 s", "reading ...",
  // "no limit".
  std::vector<std::string> ways(const ReadingTimes& times) const;

 private:
  Watched(const GuardRule& rule, std::string name, Monotonic now);
  struct Armed {
    TriggerState state;
    FileDescriptor event;                // eventfd or PSI
    std::optional<std::uint64_t> bytes;  // that the eventfd is for
    std::uint64_t woken = 0;
    std::string why_not;  // there is no event
  };
  void renew_events();
  void arm_trigger(std::size_t at);
  bool read_figures();
  bool waits_for(TriggerKind kind) const;
  void renew_limit_of_addresses();
  void renew_error_counter();
  std::string take(const Trigger& trigger, Armed& armed, Monotonic now);
  Monotonic next_reading_of(const Trigger& trigger, const Armed& armed, Monotonic now,
                            const ReadingTimes& times) const;
  void take_triggers(Monotonic now, const ReadingTimes& times);
  bool is_near_a_threshold() const;

  const GuardRule& rule_;
  std::string name_, directory_;
  std::optional<MemoryGroup> group_;  // of the figures: the group itself, or the nearest above with a limit
  pid_t pid_ = 0;
  std::uint64_t start_time_ = 0;
  FileDescriptor statm_, pidfd_;
  std::vector<Armed> triggers_;
  std::uint64_t token_ = 0;
  WakeUps* wake_ups_ = nullptr;
  int changes_watch_ = -1;
  bool events_due_ = true;
  Monotonic since_, next_reading_, next_limits_, held_until_{0};
  MemoryReading last_, addresses_;
  std::unique_ptr<MemoryErrorCounter> errors_;
  std::string why_no_errors_;  // are counted
  std::optional<Fired> fired_;
};

}  // namespace heapglass
