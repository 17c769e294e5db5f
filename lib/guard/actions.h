// What guard does where a rule fires: captures, in processes of their own, and afterwards what is made of
// them.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/guard/action_words.h"
#include "lib/guard/discovery.h"
#include "lib/guard/guard_files.h"
#include "lib/guard/watched.h"
#include "platform/process/child_program.h"
#include "platform/process/wake_ups.h"

namespace heapglass {

struct ActionRequest {
  const GuardRule* rule = nullptr;
  std::string subject;    // as Watched::name()
  std::string directory;  // of a group; empty: one process
  ActionTarget process;   // that one
  Watched::Fired fired;
  std::uint64_t bytes = 0;  // used memory
  PushedAs pushed_as;       // of a process that has ended
  bool is_baseline = false, is_record = false;
  bool is_by_time() const { return is_baseline || is_record; }
};

// For the gauges.
struct ActionCounts {
  std::uint64_t fired = 0, snapshots = 0, failures = 0, records = 0;
  std::time_t last_snapshot = 0;
};

class Actions {
 public:
  using Log = std::function<void(const GuardRule& rule, const std::string& subject, const std::string& text)>;
  // A request is done: how many processes were captured, or 1 where none had to be and the rest is done.
  using Done = std::function<void(const ActionRequest& request, std::size_t good)>;

  Actions(const GuardRules& rules, GuardFiles& files, WakeUps& wake_ups, std::uint64_t token, Log log,
          Done done);

  void add(ActionRequest request);
  // Whether the same is done already: a snapshot shortly before a kill is another than one because of growth.
  bool is_acted_on(const ActionRequest& request) const;
  bool is_idle() const;
  // Takes what has ended, starts what may start, ends what is late.
  void step(Monotonic now);
  Monotonic next_deadline() const;  // the largest: there is none
  void end_all();                   // and what is queued
  const ActionCounts& counts(const GuardRule& rule) { return counts_[&rule]; }

 private:
  struct Running {
    RunningChild child;
    Monotonic deadline{};
    bool is_late = false;
    std::uint64_t disk = 0, memory = 0;  // that it may take
    Monotonic urgent_until = Monotonic::max();
    Monotonic began{}, captured{};  // its process runs again; 0: not yet
  };
  struct Capture {
    ActionRequest request;
    std::vector<ActionTarget> processes;
    std::size_t at = 0, good = 0, failed = 0;
    std::string freeze;  // of the attempt that runs
    std::string base;    // name of its files, without ending
    Running running;
  };
  // What is made of a snapshot, one step after the other.
  struct Sequel {
    ActionRequest request;
    pid_t pid = 0;
    std::string base, before;  // the snapshot to compare with; empty: there is none
    std::string report, diff;  // files that were made
    PushedAs pushed_as;        // where it is sent
    int step = 0;
    bool has_snapshot = false, is_last = false;  // of a process that has ended: it stays
    Running running;
  };

  bool start(Running& running, ChildProgram program, const ActionRequest& request, Monotonic now);
  int take_end(Running& running, Monotonic now);  // -1: it still runs
  void start_capture(Capture& capture, Monotonic now);
  void take_end_of_process(const ActionRequest& request);
  void next_capture(Capture& capture, Monotonic now);
  void take_capture(Capture& capture, int code, Monotonic now);
  void take_snapshot(Capture& capture, pid_t pid);
  void take_last(Capture& capture, int code);
  void take_sequel(Sequel& sequel, int code);
  void next_step(Sequel& sequel, Monotonic now);
  bool start_step(Sequel& sequel, Monotonic now);
  ChildProgram hook_of(const Sequel& sequel) const;
  bool may_start(const ActionRequest& request) const;
  std::uint64_t reserved() const;
  std::string free_name(const ActionRequest& request, pid_t pid) const;
  void make_room();
  std::set<std::string> in_use() const;
  void save(const GuardRule& rule, const std::string& subject);
  // Of the recorder the same is said once.
  void say(const ActionRequest& request, const std::string& text);
  void take_record(const Capture& capture, pid_t pid);
  std::string after_words(const Running& running, int code) const;

  const GuardRules& rules_;
  GuardFiles& files_;
  WakeUps& wake_ups_;
  const std::uint64_t token_;
  Log log_;
  Done done_;
  std::deque<ActionRequest> waiting_;
  std::list<Capture> captures_;  // that run
  std::deque<Sequel> sequels_;   // the first runs
  std::map<const GuardRule*, ActionCounts> counts_;
  std::map<std::string, std::string> said_of_records_;  // last, by rule and subject
};

}  // namespace heapglass
