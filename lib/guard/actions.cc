#include "lib/guard/actions.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "lib/base/error.h"
#include "lib/render/numbers.h"
#include "lib/render/utf8.h"
#include "platform/process/threads.h"

namespace heapglass {
namespace {

constexpr Monotonic kNever{std::numeric_limits<std::int64_t>::max()};
constexpr Monotonic kToFinish{30000};  // of what is captured and not written yet, when guard ends
constexpr Monotonic kToEnd{
    5000};  // between SIGTERM, at which heapglass removes what is unfinished, and SIGKILL

constexpr int kExitDone = 0, kExitNoPython = static_cast<int>(ErrorKind::kNotPython),
              kExitUnreachable = static_cast<int>(ErrorKind::kUnreachable);

constexpr Monotonic kUrgent{2000};
constexpr std::size_t kMostCopies = 16;
constexpr std::uint64_t kAnswerBytes = 32 << 20;  // of a report or a diff

// What is made of a snapshot, in this order.
enum Step { kReport = 1, kDiff, kPush, kRun };
constexpr const char* kSteps[] = {"", "report", "diff", "push", "run"};

// That a snapshot of so much memory may take: mostly it is a tenth.
std::uint64_t file_bytes(std::uint64_t memory) { return memory + memory / 4 + (std::uint64_t{4} << 20); }

// The same without values, of which it is a tenth of the memory at most.
std::uint64_t record_bytes(std::uint64_t memory, std::uint64_t most) {
  return std::min(most / 2, memory / 4 + (std::uint64_t{4} << 20));
}

bool needs_snapshot(const ActionRequest& request) {
  const GuardRule& rule = *request.rule;
  return request.is_by_time() || rule.snapshot || rule.report || rule.diff || rule.push;
}

std::string first_mode(const ActionRequest& request) {
  if (request.rule->freeze != "auto") return request.rule->freeze;
  // A process that is stopped allocates nothing: it is not killed before it has been copied.
  return request.fired.kill_is_near ? "copy" : "auto";
}

}  // namespace

Actions::Actions(const GuardRules& rules, GuardFiles& files, WakeUps& wake_ups, std::uint64_t token, Log log,
                 Done done)
    : rules_(rules),
      files_(files),
      wake_ups_(wake_ups),
      token_(token),
      log_(std::move(log)),
      done_(std::move(done)) {}

void Actions::add(ActionRequest request) {
  if (!request.is_by_time()) ++counts_[request.rule].fired;
  waiting_.push_back(std::move(request));
  // One that is killed soon before one that is not.
  std::stable_partition(waiting_.begin(), waiting_.end(),
                        [](const ActionRequest& each) { return each.fired.kill_is_near; });
}

bool Actions::is_acted_on(const ActionRequest& request) const {
  const auto is_it = [&](const ActionRequest& each) {
    return each.rule == request.rule && each.subject == request.subject &&
           each.is_record == request.is_record && each.fired.is_end == request.fired.is_end &&
           (each.fired.kill_is_near || !request.fired.kill_is_near);
  };
  return std::any_of(waiting_.begin(), waiting_.end(), is_it) ||
         std::any_of(captures_.begin(), captures_.end(),
                     [&](const Capture& each) { return is_it(each.request); });
}

bool Actions::is_idle() const { return waiting_.empty() && captures_.empty() && sequels_.empty(); }

void Actions::save(const GuardRule& rule, const std::string& subject) {
  const std::string why = files_.save();
  if (!why.empty()) log_(rule, subject, "the state could not be written: " + why);
}

std::set<std::string> Actions::in_use() const {
  std::set<std::string> out;
  for (const Sequel& each : sequels_) {
    out.insert(each.base + ".hg");
    if (!each.before.empty()) out.insert(each.before);
  }
  return out;
}

std::uint64_t Actions::reserved() const {
  std::uint64_t out = sequels_.empty() ? 0 : sequels_.front().running.disk;
  for (const Capture& each : captures_) out += each.running.disk;
  return out;
}

void Actions::make_room() {
  for (const std::string& name : files_.make_room(reserved(), in_use()))
    log_(rules_.rules.front(), "", "removed " + name + ", the oldest, to stay within 'disk'");
}

// Captures while processes are stopped, copies while they are decoded, and files: each has its budget. One
// may always start.
bool Actions::may_start(const ActionRequest& request) const {
  std::uint64_t stopping = 0, copies = request.bytes;
  for (const Capture& each : captures_) {
    const bool is_captured = each.running.captured.count() > 0;
    if (!is_captured && each.request.subject == request.subject)
      return false;  // it can be traced by one alone
    stopping += !is_captured;
    copies += each.running.memory;
  }
  return captures_.empty() ||
         (stopping < rules_.at_once && captures_.size() < kMostCopies && copies <= rules_.memory &&
          reserved() + files_.room_of(file_bytes(request.bytes)) <= rules_.disk);
}

bool Actions::start(Running& running, ChildProgram program, const ActionRequest& request, Monotonic now) {
  make_room();
  if (running.disk) program.environment.emplace_back("HEAPGLASS_LONGEST_FILE", std::to_string(running.disk));
  try {
    running.child = RunningChild(program);
  } catch (const Error& error) {
    ++counts_[request.rule].failures;
    log_(*request.rule, request.subject, error.what());
    return false;
  }
  running.deadline = now + request.rule->time;
  running.is_late = false;
  running.began = now;
  running.captured = {};
  wake_ups_.add(running.child.descriptor(), token_);
  if (running.child.told_descriptor() >= 0) wake_ups_.add(running.child.told_descriptor(), token_);
  return true;
}

int Actions::take_end(Running& running, Monotonic now) {
  const int descriptor = running.child.descriptor();
  const int code = running.child.reap();
  if (code >= 0) {
    wake_ups_.remove(descriptor);
    return code;
  }
  if (now < running.deadline) return -1;
  running.child.end(running.is_late ? SIGKILL : SIGTERM);
  running.is_late = true;
  running.deadline = now + kToEnd;
  return -1;
}

std::string Actions::after_words(const Running& running, int code) const {
  if (running.is_late) return "was ended: it took longer than 'time' allows";
  const std::string line = running.child.first_line();
  return line.empty() ? "failed with exit code " + std::to_string(code) : printable(line);
}

void Actions::step(Monotonic now) {
  for (auto at = captures_.begin(); at != captures_.end();) {
    const int code = take_end(at->running, now);
    if (code >= 0) take_capture(*at, code, now);
    at = at->running.child.runs() ? std::next(at) : captures_.erase(at);
  }
  for (Capture& each : captures_) {
    Running& running = each.running;
    if (running.child.take_told()) running.captured = now;
    // Others get their turn, however large it is.
    if (running.urgent_until != kNever && now >= running.urgent_until) {
      lower_priority(running.child.pid());
      running.urgent_until = kNever;
    }
  }
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    if (!may_start(*at)) {
      ++at;
      continue;
    }
    captures_.push_back({.request = std::move(*at), .processes = {}});
    at = waiting_.erase(at);
    start_capture(captures_.back(), now);
    if (!captures_.back().running.child.runs()) captures_.pop_back();
  }
  if (!sequels_.empty()) {
    Sequel& first = sequels_.front();
    const int code = first.running.child.runs() ? take_end(first.running, now) : 0;
    if (code < 0) return;
    if (first.step > 0) take_sequel(first, code);
    next_step(first, now);
  }
}

void Actions::start_capture(Capture& capture, Monotonic now) {
  const ActionRequest& request = capture.request;
  if (request.fired.is_end) return take_end_of_process(request);
  ProcessFilter filter;
  if (request.directory.empty())
    capture.processes = {request.process};
  else
    capture.processes = action_targets(*request.rule, processes_of_group(request.directory), filter);
  if (!needs_snapshot(request)) {
    const pid_t pid = capture.processes.empty() ? 0 : capture.processes.front().pid;
    sequels_.push_back({.request = request,
                        .pid = pid,
                        .base = {},
                        .before = {},
                        .report = {},
                        .diff = {},
                        .pushed_as = {}});
    return done_(request, 1);
  }
  next_capture(capture, now);
}

// Nothing of it is left to be captured: what is kept, and made of it, is the last that there is.
void Actions::take_end_of_process(const ActionRequest& request) {
  const std::string name = files_.ledger().newest(request.rule->name, request.subject);
  Sequel sequel{.request = request,
                .pid = request.process.pid,
                .base = {},
                .before = {},
                .report = {},
                .diff = {},
                .pushed_as = request.pushed_as,
                .is_last = true};
  if (name.empty()) {
    log_(*request.rule, request.subject, "there is no snapshot of it: it was not taken before it ended");
  } else {
    files_.ledger().keep(name);
    sequel.has_snapshot = true;
    sequel.base = name.substr(0, name.rfind(".hg"));
    log_(*request.rule, request.subject, "the last snapshot of it is " + name);
  }
  sequels_.push_back(std::move(sequel));
  done_(request, 1);
}

// Names have seconds, and two triggers may fire within one.
std::string Actions::free_name(const ActionRequest& request, pid_t pid) const {
  const std::string name = expand_file_name(request.rule->file_name, request.rule->name, request.subject, pid,
                                            std::time(nullptr)) +
                           (request.is_baseline ? "-baseline"
                            : request.is_record ? "-record"
                                                : "");
  const auto is_taken = [&](const std::string& base) {
    return access(files_.path(base + ".hg").c_str(), F_OK) == 0 ||
           std::any_of(captures_.begin(), captures_.end(),
                       [&](const Capture& each) { return each.base == base; });
  };
  std::string free = name;
  for (int number = 2; is_taken(free) && number < 100; ++number) free = name + "-" + std::to_string(number);
  return free;
}

void Actions::next_capture(Capture& capture, Monotonic now) {
  const ActionRequest& request = capture.request;
  for (; capture.at < capture.processes.size() && capture.good < request.rule->largest; ++capture.at) {
    const ActionTarget& process = capture.processes[capture.at];
    if (!is_still(process)) continue;
    if (capture.freeze.empty()) capture.freeze = first_mode(request);
    capture.base = free_name(request, process.pid);
    capture.running.urgent_until = request.fired.kill_is_near ? now + kUrgent : kNever;
    capture.running.memory = request.bytes;
    capture.running.disk = request.is_record ? record_bytes(request.bytes, files_.record_room(*request.rule))
                                             : files_.room_of(file_bytes(request.bytes));
    if (request.is_record && !files_.make_room_for_record(*request.rule, capture.running.disk, reserved())) {
      capture.running.disk = 0;
      say(request, "nothing is recorded: what is no record takes all of 'disk'");
      ++capture.failed;
      break;
    }
    if (start(capture.running,
              {.words = snapshot_words(*request.rule, request.fired.kill_is_near, process.pid, capture.freeze,
                                       files_.path(capture.base + ".hg"),
                                       request.is_record ? "none" : request.rule->values),
               .environment = {},
               .is_urgent = request.fired.kill_is_near,
               .tells = true},
              request, now))
      return;
    break;
  }
  if (capture.good + capture.failed == 0)
    say(request, capture.processes.empty() ? "no process is there that the rule is for"
                                           : "no process there runs a Python");
  done_(request, capture.good);
}

void Actions::say(const ActionRequest& request, const std::string& text) {
  if (request.is_record) {
    std::string& last = said_of_records_[request.rule->name + " " + request.subject];
    if (last == text) return;
    last = text;
  }
  log_(*request.rule, request.subject, text);
}

void Actions::take_record(const Capture& capture, pid_t pid) {
  const ActionRequest& request = capture.request;
  ++counts_[request.rule].records;
  files_.ledger().wrote({request.rule->name, request.subject, capture.base + ".hg", false, true});
  save(*request.rule, request.subject);
  say(request, "process " + std::to_string(pid) + ": is recorded");
}

void Actions::take_snapshot(Capture& capture, pid_t pid) {
  const ActionRequest& request = capture.request;
  if (request.is_record) {
    ++capture.good;
    return take_record(capture, pid);
  }
  ActionCounts& counts = counts_[request.rule];
  const std::string name = capture.base + ".hg", of = "process " + std::to_string(pid) + ": ";
  ++capture.good;
  ++counts.snapshots;
  counts.last_snapshot = std::time(nullptr);
  const Monotonic within = capture.running.captured - capture.running.began;
  const std::string before = files_.ledger().newest_snapshot(request.rule->name, request.subject);
  files_.ledger().wrote({request.rule->name, request.subject, name, true});
  save(*request.rule, request.subject);
  log_(*request.rule, request.subject,
       of + "wrote " + name +
           (within.count() > 0 ? ", captured within " + std::to_string(within.count()) + " ms" : ""));
  const GuardRule& rule = *request.rule;
  const bool more = rule.report || rule.diff || rule.push || !rule.run.empty();
  if (more && !request.is_baseline)
    sequels_.push_back({.request = request,
                        .pid = pid,
                        .base = capture.base,
                        .before = before,
                        .report = {},
                        .diff = {},
                        .pushed_as = rule.push ? pushed_as(pid, request.directory) : PushedAs{},
                        .step = 0,
                        .has_snapshot = true});
}

// When guard ends.
void Actions::take_last(Capture& capture, int code) {
  const ActionTarget process = capture.processes[capture.at];
  if (code == kExitDone && !is_another(process))
    take_snapshot(capture, process.pid);
  else
    log_(*capture.request.rule, capture.request.subject,
         "process " + std::to_string(process.pid) + ": not captured: guard ends");
}

void Actions::take_capture(Capture& capture, int code, Monotonic now) {
  const ActionRequest& request = capture.request;
  const ActionTarget process = capture.processes[capture.at];
  const std::string name = capture.base + ".hg", of = "process " + std::to_string(process.pid) + ": ";
  const bool is_refused = code == kExitUnreachable && capture.freeze == "copy" &&
                          request.rule->freeze == "auto" && request.rule->pause.count() > 0 &&
                          is_still(process);
  if (code != kExitDone && is_refused) {
    log_(*request.rule, request.subject, of + after_words(capture.running, code) + ": precopy is tried");
    capture.freeze = "precopy";
    return next_capture(capture, now);
  }
  ActionCounts& counts = counts_[request.rule];
  capture.freeze.clear();
  ++capture.at;
  if (code == kExitDone && is_another(process)) {
    files_.remove(name);
    ++capture.failed;
    log_(*request.rule, request.subject,
         of + "it ended, and its pid was given to another process: " + name + " is removed");
  } else if (code == kExitDone) {
    take_snapshot(capture, process.pid);
  } else if (code != kExitNoPython || request.directory.empty()) {
    ++counts.failures;
    ++capture.failed;
    say(request, of + after_words(capture.running, code));
  }
  next_capture(capture, now);
}

ChildProgram Actions::hook_of(const Sequel& sequel) const {
  const auto path = [&](const std::string& name) { return name.empty() ? name : files_.path(name); };
  const bool keeps = sequel.has_snapshot && (sequel.request.rule->snapshot || sequel.is_last);
  return {.words = sequel.request.rule->run,
          .environment = {{"HEAPGLASS_RULE", sequel.request.rule->name},
                          {"HEAPGLASS_SUBJECT", sequel.request.subject},
                          {"HEAPGLASS_PID", sequel.pid ? std::to_string(sequel.pid) : ""},
                          {"HEAPGLASS_TRIGGER", sequel.request.fired.trigger},
                          {"HEAPGLASS_REASON", sequel.request.fired.why},
                          {"HEAPGLASS_SNAPSHOT", keeps ? path(sequel.base + ".hg") : ""},
                          {"HEAPGLASS_REPORT", path(sequel.report)},
                          {"HEAPGLASS_DIFF", path(sequel.diff)}},

          .keeps_errors = false};
}

// False: this step is not asked for, or cannot start.
bool Actions::start_step(Sequel& sequel, Monotonic now) {
  const GuardRule& rule = *sequel.request.rule;
  const std::string snapshot = files_.path(sequel.base + ".hg");
  ChildProgram program{.words = {}, .environment = {}};
  if (sequel.is_last && !sequel.has_snapshot && sequel.step != kRun) return false;
  if (sequel.step == kReport && rule.report) {
    program.words = {"", "report", snapshot, "-o", files_.path(sequel.base + ".html")};
  } else if (sequel.step == kDiff && rule.diff) {
    if (sequel.before.empty()) {
      log_(rule, sequel.request.subject, "there is no earlier snapshot of it to compare with");
      return false;
    }
    program.words = {"",       "diff", files_.path(sequel.before),
                     snapshot, "-o",   files_.path(sequel.base + ".diff.txt")};
  } else if (sequel.step == kPush && rule.push) {
    program.words = push_words(rules_, snapshot, sequel.pushed_as);
  } else if (sequel.step == kRun && !rule.run.empty()) {
    program = hook_of(sequel);
  } else {
    return false;
  }
  sequel.running.disk = sequel.step >= kPush ? 0 : files_.room_of(kAnswerBytes);
  return start(sequel.running, std::move(program), sequel.request, now);
}

void Actions::next_step(Sequel& sequel, Monotonic now) {
  while (++sequel.step <= kRun)
    if (start_step(sequel, now)) return;
  if (sequel.has_snapshot && !sequel.request.rule->snapshot && !sequel.is_last)
    files_.remove(sequel.base + ".hg");
  save(*sequel.request.rule, sequel.request.subject);
  sequels_.pop_front();
  if (!sequels_.empty()) next_step(sequels_.front(), now);
}

void Actions::take_sequel(Sequel& sequel, int code) {
  const GuardRule& rule = *sequel.request.rule;
  const std::string& subject = sequel.request.subject;
  if (code != kExitDone) {
    ++counts_[&rule].failures;
    const std::string of = std::string(kSteps[sequel.step]) + ": ";
    log_(rule, subject,
         of + (sequel.step == kRun && !sequel.running.is_late ? "exit code " + std::to_string(code)
                                                              : after_words(sequel.running, code)));
    return;
  }
  const std::string of = "process " + std::to_string(sequel.pid) + ": ";
  if (sequel.step == kPush) log_(rule, subject, of + after_words(sequel.running, code));
  if (sequel.step >= kPush) return;
  std::string& name = sequel.step == kReport ? sequel.report : sequel.diff;
  name = sequel.base + (sequel.step == kReport ? ".html" : ".diff.txt");
  files_.ledger().wrote({rule.name, subject, name, false});
  log_(rule, subject, of + "wrote " + name);
}

Monotonic Actions::next_deadline() const {
  Monotonic soonest = kNever;
  for (const Capture& each : captures_)
    soonest = std::min({soonest, each.running.deadline, each.running.urgent_until});
  if (!sequels_.empty()) soonest = std::min(soonest, sequels_.front().running.deadline);
  return soonest;
}

void Actions::end_all() {
  for (const ActionRequest& each : waiting_) log_(*each.rule, each.subject, "not captured: guard ends");
  waiting_.clear();
  const Monotonic began = time_since_boot();
  bool is_first = true;
  for (Monotonic now = began; !captures_.empty() && now < began + kToFinish + kToEnd;
       now = time_since_boot()) {
    std::erase_if(captures_, [&](Capture& each) {
      if (each.running.child.take_told()) each.running.captured = now;
      const int code = each.running.child.reap();
      if (code >= 0) take_last(each, code);
      return code >= 0;
    });
    // What has its capture is let finish: there may be no second one.
    for (const Capture& each : captures_)
      if ((is_first && each.running.captured.count() == 0) || now > began + kToFinish)
        each.running.child.end(SIGTERM);
    is_first = false;
    if (!captures_.empty()) wake_ups_.wait(Monotonic(20));
  }
  captures_.clear();  // SIGKILL for those that still run
  if (!sequels_.empty()) sequels_.front().running.child.end(SIGTERM);
  sequels_.clear();
}

}  // namespace heapglass
