// The rules of `heapglass guard`: one file, which says what is watched, when something is done, what, and how
// often. docs/manual/guard.md#rules describes its lines; the table in rules.cc has each key.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace heapglass {

enum class TriggerKind {
  kMemory,       // used memory of the group above `bytes`, or `percent` of its limit
  kEvent,        // memory.events counted one more of `event`
  kPressure,     // PSI: `stall` of waiting for memory within `window`
  kRss,          // of a process
  kGrowth,       // `bytes` more within `window`
  kAddresses,    // of a process above `percent` of its limit of addresses, beyond which malloc fails
  kMemoryError,  // a process has raised one
  kEnd,          // a process has ended; `failed`: not with code 0
};

struct Trigger {
  TriggerKind kind = TriggerKind::kMemory;
  std::uint64_t bytes = 0;
  double percent = 0;  // 0: `bytes` counts
  std::string event;   // "high", "max", "oom"
  bool full = false;   // of pressure: all tasks wait, not some
  bool failed = false;
  std::chrono::milliseconds stall{}, window{};
  std::string text;  // as it is written: "memory > 90%"
};

struct GuardRule {
  std::string name;
  // Groups by directory, with * ? [] in any part. Empty: the rule is for processes.
  std::vector<std::string> groups;
  // Which processes of them, or of this machine: all that are given have to fit.
  std::optional<pid_t> pid;
  std::string command, user;  // a part of the command line; name or number

  std::vector<Trigger> triggers;  // any of them

  bool snapshot = false, report = false, diff = false, push = false;
  std::vector<std::string> run;        // program and arguments
  std::string values = "all";          // "all", "none", or the bytes of --cut-values
  std::string freeze = "auto";         // or a freeze mode
  std::chrono::milliseconds pause{0};  // --max-pause; 0: any
  std::chrono::milliseconds baseline{
      0};  // how long something runs before a snapshot to compare with; 0: none
  std::chrono::milliseconds record{
      0};                         // how often a snapshot without values is taken, whatever happens; 0: not
  std::uint64_t record_disk = 0;  // the most that those take; 0: half of 'disk'
  std::string file_name = "%r-%Y%m%dT%H%M%S-%p";

  std::chrono::milliseconds cooldown{std::chrono::minutes(10)};
  std::uint64_t number = 5;                                         // 0: any
  std::chrono::milliseconds number_window{std::chrono::hours(24)};  // 0: since there is a state
  std::uint64_t largest = 4;                                        // processes of a group, by RSS
  std::chrono::milliseconds time{std::chrono::minutes(5)};          // of one action

  bool watches_groups() const { return !groups.empty(); }
};

struct GuardRules {
  std::string folder;  // of snapshots, reports and state
  std::uint64_t disk = std::uint64_t{1} << 30;
  std::uint64_t at_once = 4;                      // captures, until their processes run again
  std::uint64_t memory = std::uint64_t{4} << 30;  // copies that are being decoded
  std::string gauge;                              // a .prom file; empty: none
  std::string push, push_headers;                 // where profiles are sent, and a file of headers
  std::vector<GuardRule> rules;
};

// Throws Error kUsage: "FILE:12: ...", with what was found and what is allowed. `name` is for messages.
GuardRules parse_guard_rules(std::string_view text, const std::string& name);

}  // namespace heapglass
