#include "platform/tracer_helper.h"

#include <sys/resource.h>

#include <algorithm>
#include <optional>

#include "lib/base/elapsed.h"
#include "platform/held_thread.h"
#include "platform/safe_point_wait.h"
#include "platform/threads.h"

namespace heapglass {
namespace {

struct Header {  // of a report on the channel; texts and threads follow
  HoldReport::End end;
  std::uint32_t looks, what, hint, threads;
  bool no_safe_point, was_stopped;
  double pause_ms;
  long result;
};

struct Thread {  // ThreadRegisters on the channel
  std::int32_t tid;
  char state;
  char system_call[43];  // cut where it is longer; none is
  Address stack_pointer, instruction_pointer, thread_pointer, futex;
};

Thread packed(const ThreadRegisters& r) {
  Thread t{};
  t.tid = r.tid;
  t.state = r.state;
  r.system_call.copy(t.system_call, sizeof t.system_call - 1);
  t.stack_pointer = r.stack_pointer;
  t.instruction_pointer = r.instruction_pointer;
  t.thread_pointer = r.thread_pointer;
  t.futex = r.futex;
  return t;
}

ThreadRegisters unpacked(const Thread& t) {
  return {.tid = t.tid,
          .state = t.state,
          .stack_pointer = t.stack_pointer,
          .instruction_pointer = t.instruction_pointer,
          .thread_pointer = t.thread_pointer,
          .system_call = t.system_call,
          .futex = t.futex};
}

template <class T>
std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

bool send_report(const Channel& channel, const HoldReport& r) {
  Header header{};
  header.end = r.end;
  header.looks = r.looks;
  header.what = static_cast<std::uint32_t>(r.what.size());
  header.hint = static_cast<std::uint32_t>(r.hint.size());
  header.threads = static_cast<std::uint32_t>(r.threads.size());
  header.no_safe_point = r.no_safe_point;
  header.was_stopped = r.was_stopped;
  header.pause_ms = r.pause_ms;
  header.result = r.result;
  std::vector<Thread> threads;
  for (const ThreadRegisters& each : r.threads) threads.push_back(packed(each));
  return channel.send(bytes_of(header)) && channel.send(std::as_bytes(std::span(r.what))) &&
         channel.send(std::as_bytes(std::span(r.hint))) && channel.send(std::as_bytes(std::span(threads)));
}

HoldReport receive_report(const Channel& channel) {
  Header header{};
  HoldReport r;
  if (!channel.receive(std::as_writable_bytes(std::span(&header, 1)))) return HoldReport();
  r.what.resize(header.what);
  r.hint.resize(header.hint);
  std::vector<Thread> threads(header.threads);
  if (!channel.receive(std::as_writable_bytes(std::span(r.what))) ||
      !channel.receive(std::as_writable_bytes(std::span(r.hint))) ||
      !channel.receive(std::as_writable_bytes(std::span(threads))))
    return HoldReport();
  for (const Thread& each : threads) r.threads.push_back(unpacked(each));
  r.end = header.end;
  r.looks = header.looks;
  r.no_safe_point = header.no_safe_point;
  r.was_stopped = header.was_stopped;
  r.pause_ms = header.pause_ms;
  r.result = header.result;
  return r;
}

// In the helper: one hold. What it still holds comes back, for `then`.
std::unique_ptr<StoppedProcess> hold(const Process& process, const SyscallGadgets& sites,
                                     SafePointWait& watch, StopClock::duration deadline,
                                     const InjectionPlan& steps, HoldReport& report) {
  while (true) {
    watch.await();
    const auto since = StopClock::now();
    auto stopped = std::make_unique<StoppedProcess>(process.pid(), since + deadline);
    process.check_alive();
    const bool good = watch.is_safe_now();
    report.looks = watch.looks();
    report.no_safe_point = watch.gave_up();
    std::exception_ptr thrown;
    if (good) {
      report.threads = stopped->threads();
      report.was_stopped = stopped->in_group_stop();
      std::string why_not;
      const pid_t tid = choose_thread(process, stopped->free_to_use(), why_not);
      if (tid == 0) throw CannotInject("none of its threads can make a system call for us: " + why_not);
      InjectedCalls calls(process, sites, tid);
      report.result = steps.in_stop(calls);
    }
    const bool all_let_go = stopped->resume();
    report.pause_ms = std::max(report.pause_ms, ms_since(since));
    if (good) return stopped;
    while (!all_let_go && !stopped->detach_stragglers() && !HelperProcess::asked_to_end())
      nap(std::chrono::milliseconds(1));
  }
}

// In the helper: the same with the one thread that is disturbed least.
void stop_one_thread(const Process& process, const SyscallGadgets& sites, StopClock::duration deadline,
                     const InjectionPlan& steps, HoldReport& report) {
  std::string why_not = "none came to a stop";
  for (const pid_t tid : least_disturbed_first(process.pid())) {
    const auto since = StopClock::now();
    {
      const auto held = HeldThread::hold(tid, since + deadline);
      if (!held || !held->free_to_use() || choose_thread(process, {tid}, why_not) == 0) continue;
      process.check_alive();
      InjectedCalls calls(process, sites, tid);
      report.result = steps.in_stop(calls);
    }
    report.pause_ms = ms_since(since);
    return;
  }
  process.check_alive();
  throw CannotInject("none of its threads can make a system call for us: " + why_not);
}

void work_of_helper(const Process& process, const SyscallGadgets& sites, const SafePoint& moment,
                    StopClock::duration deadline, const InjectionPlan& steps, Channel& channel) {
  HoldReport report;
  std::unique_ptr<StoppedProcess> stopped;
  try {
    if (steps.of == InjectionPlan::Of::kOneThread) {
      stop_one_thread(process, sites, deadline, steps, report);
    } else {
      SafePointWait watch(process, moment);
      stopped = hold(process, sites, watch, deadline, steps, report);
    }
    report.end = HoldReport::End::kDone;
  } catch (const CannotInject& cannot) {
    report = {.end = HoldReport::End::kCannotInject, .what = cannot.what()};
  } catch (const CannotStop& cannot) {
    report = {.end = HoldReport::End::kCannotStop, .what = cannot.what(), .hint = cannot.hint()};
  } catch (const Error& error) {
    report = {.end = HoldReport::End::kFailed, .what = error.what(), .hint = error.hint()};
  }
  send_report(channel, report);  // where nobody is there to be told, the rest is to be done all the same
  if (report.end == HoldReport::End::kDone)
    steps.then(
        channel, [&] { return !stopped || stopped->detach_stragglers(); }, report);
}

}  // namespace

TracerHelper::TracerHelper(const Process& process, const SyscallGadgets& sites, const SafePoint& moment,
                           const StopOptions& options, const InjectionPlan& steps) {
  const auto began = StopClock::now();
  auto deadline = std::min(options.first_try, options.longest_try);
  while (true) {
    try {
      helper_ = std::make_unique<HelperProcess>(
          [&](Channel& channel) { work_of_helper(process, sites, moment, deadline, steps, channel); });
    } catch (const Error& error) {
      throw FreezeModeUnavailable(ErrorKind::kUnreachable, error.what());
    }
    report_ = receive_report(helper_->channel());
    switch (report_.end) {
      case HoldReport::End::kDone:
        return;
      case HoldReport::End::kCannotInject:
        throw FreezeModeUnavailable(ErrorKind::kUnreachable, report_.what);
      case HoldReport::End::kFailed:
        throw Error(ErrorKind::kUnreachable, report_.what, report_.hint);
      case HoldReport::End::kHelperGone:
        helper_->end();  // it may hold the process still, and not answer
        return;          // what it has left is for the caller to find
      case HoldReport::End::kCannotStop:
        break;
    }
    helper_.reset();  // its end frees whatever it had asked to stop
    if (StopClock::now() + deadline > began + options.budget)
      throw CannotStop(ErrorKind::kUnreachable, report_.what, report_.hint);
    // It runs for as long as it stood, and more.
    nap(deadline + std::chrono::milliseconds(20));
    deadline = std::min(2 * deadline, options.longest_try);
  }
}

}  // namespace heapglass
