#include "platform/injection/tracer_helper.h"

#include <sys/resource.h>

#include <algorithm>
#include <optional>

#include "lib/base/elapsed.h"
#include "platform/process/threads.h"
#include "platform/stopping/safe_point_wait.h"
#include "platform/stopping/stopped_thread.h"

namespace heapglass {
namespace {

// A HoldReport on the channel; its texts and threads follow.
struct WireReport {
  HoldResult result;
  std::uint32_t what = 0, hint = 0, threads = 0;  // bytes, bytes, WireThreads
};
static_assert(std::is_trivially_copyable_v<WireReport>);
constexpr std::uint32_t kMostReportText = 1 << 20, kMostReportThreads = 1 << 22;  // Linux has no more threads

// ThreadRegisters on the channel.
struct WireThread {
  std::int32_t tid;
  char state;
  char system_call[51];  // cut where it is longer; none is
  Address stack_pointer, instruction_pointer, thread_pointer, futex;
  decltype(ThreadRegisters::general) general;
};
static_assert(std::is_trivially_copyable_v<WireThread>);

WireThread to_wire(const ThreadRegisters& registers) {
  // All fields are named, so that a new one does not compile until it is sent. own_tid and name are found out
  // later, by who receives it.
  const auto& [tid, state, stack_pointer, instruction_pointer, thread_pointer, system_call, futex, general,
               own_tid, name] = registers;
  WireThread wire{};
  wire.tid = tid;
  wire.state = state;
  system_call.copy(wire.system_call, sizeof wire.system_call - 1);
  wire.stack_pointer = stack_pointer;
  wire.instruction_pointer = instruction_pointer;
  wire.thread_pointer = thread_pointer;
  wire.futex = futex;
  wire.general = general;
  return wire;
}

ThreadRegisters from_wire(const WireThread& wire) {
  return {.tid = wire.tid,
          .state = wire.state,
          .stack_pointer = wire.stack_pointer,
          .instruction_pointer = wire.instruction_pointer,
          .thread_pointer = wire.thread_pointer,
          .system_call = wire.system_call,
          .futex = wire.futex,
          .general = wire.general};
}

template <class Container>
std::span<const std::byte> bytes_of(const Container& container) {
  return std::as_bytes(std::span(container));
}

template <class Container>
bool receive_into(const Channel& channel, Container& container) {
  return channel.receive(std::as_writable_bytes(std::span(container)));
}

bool send_report(const Channel& channel, const HoldReport& report) {
  std::vector<WireThread> threads;
  threads.reserve(report.threads.size());
  for (const ThreadRegisters& each : report.threads) threads.push_back(to_wire(each));
  const WireReport wire[1] = {{.result = report,
                               .what = static_cast<std::uint32_t>(report.what.size()),
                               .hint = static_cast<std::uint32_t>(report.hint.size()),
                               .threads = static_cast<std::uint32_t>(threads.size())}};
  return channel.send(bytes_of(wire)) && channel.send(bytes_of(report.what)) &&
         channel.send(bytes_of(report.hint)) && channel.send(bytes_of(threads));
}

// A report of kHelperGone where the helper ends before all of it is sent.
HoldReport receive_report(const Channel& channel) {
  WireReport wire[1];
  if (!receive_into(channel, wire)) return {};
  const auto& [result, what, hint, thread_count] = wire[0];
  if (what > kMostReportText || hint > kMostReportText || thread_count > kMostReportThreads) return {};
  HoldReport report{result, std::string(what, '\0'), std::string(hint, '\0'), {}};
  std::vector<WireThread> threads(thread_count);
  if (!receive_into(channel, report.what) || !receive_into(channel, report.hint) ||
      !receive_into(channel, threads))
    return {};
  for (const WireThread& each : threads) report.threads.push_back(from_wire(each));
  return report;
}

HoldReport failed(HoldReport::End end, const Error& error) {
  HoldReport report;
  report.end = end;
  report.what = error.what();
  report.hint = error.hint();
  return report;
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
      const pid_t tid = choose_thread(process, stopped->injectable_threads(), why_not);
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
      const auto held = StoppedThread::hold(tid, since + deadline);
      if (!held || !held->injectable() || choose_thread(process, {tid}, why_not) == 0) continue;
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
    report = failed(HoldReport::End::kCannotInject, cannot);
  } catch (const CannotStop& cannot) {
    report = failed(HoldReport::End::kCannotStop, cannot);
  } catch (const Error& error) {
    report = failed(HoldReport::End::kFailed, error);
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
