// `heapglass guard`: waits for what its rules name, and acts.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "lib/guard/actions.h"
#include "lib/guard/discovery.h"
#include "lib/guard/guard_files.h"
#include "lib/guard/rules.h"
#include "lib/guard/watched.h"
#include "platform/process/wake_ups.h"

namespace heapglass {

class Guard {
 public:
  // Throws Error where the folder is another guard's, or its state cannot be used.
  Guard(const GuardRules& rules, std::ostream& log);
  // Until SIGTERM or SIGINT; or SIGHUP, once nothing is captured, where `may_begin_anew` has nothing against
  // that. The signal's number.
  int run(const std::function<std::string()>& may_begin_anew);

 private:
  using Id = std::uint64_t;
  void discover(Monotonic now);
  void discover_groups(Monotonic now, std::set<std::string>& seen);
  void discover_processes(Monotonic now, std::set<std::string>& seen);
  void watch(const GuardRule& rule, std::unique_ptr<Watched> watched);
  void forget(Id id, const std::string& why);
  void end_of_process(Id id, Monotonic now);
  int take_signal(const std::function<std::string()>& may_begin_anew);
  void take_wakes(const std::vector<std::uint64_t>& tokens, Monotonic now);
  void read_what_is_due(Monotonic now);
  void act(Watched& watched, const Watched::Fired& fired, Monotonic now);
  void take_baselines(Monotonic now);
  void take_records(Monotonic now);
  ActionRequest request_of(const Watched& watched, Watched::Fired fired, bool is_baseline) const;
  void end_of_action(const ActionRequest& request, std::size_t good);
  Monotonic next_wake(Monotonic now) const;
  void write_gauges();
  void log(const GuardRule* rule, const std::string& subject, const std::string& text);

  const GuardRules& rules_;
  std::ostream& log_;
  GuardFiles files_;
  WakeUps wake_ups_;
  FileChanges changes_;
  SignalsAsEvents signals_;
  Actions actions_;
  ProcessFilter filter_;
  std::map<Id, std::unique_ptr<Watched>> watched_;
  std::map<std::string, Id> by_key_;  // rule and name
  std::map<int, std::vector<Id>> by_change_;
  std::set<int> folder_watches_;
  std::map<std::string, Monotonic> refused_;  // when a trigger was last said to be refused
  Id next_id_ = 1;
  Monotonic next_discovery_{0};
  bool gauges_changed_ = true, begins_anew_ = false;
};

}  // namespace heapglass
