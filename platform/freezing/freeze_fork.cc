#include "platform/freezing/freeze_fork.h"

#include <sched.h>
#include <sys/ptrace.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>

#include "platform/injection/injectable.h"
#include "platform/injection/injected_forker.h"
#include "platform/injection/stopped_child.h"
#include "platform/injection/tracer_helper.h"
#include "platform/process/threads.h"
#include "platform/stopping/trace.h"

namespace heapglass {
namespace {

// What the kernel takes to copy the page tables of 1 GB: 9 to 18 ms under virtualisation, less on bare metal.
constexpr double kMsPerGigabyte = 12;
// No capture takes as long: somebody has stopped us, and the target pays for each page that it writes.
constexpr std::chrono::minutes kLongestRead{2};

// In the helper: the child is read by us until we say so, or are no longer there.
void keep_until_read(Channel& channel, const std::function<bool()>& stragglers_detached,
                     InjectedForker& attendant, long child_or_error) {
  if (child_or_error > 0)
    trace(PTRACE_SETOPTIONS, static_cast<pid_t>(child_or_error), nullptr,
          reinterpret_cast<void*>(PTRACE_O_EXITKILL));
  const auto until = StopClock::now() + kLongestRead;
  bool all_let_go = stragglers_detached();
  while (child_or_error > 0 && !channel.wait(std::chrono::milliseconds(all_let_go ? 20 : 1)) &&
         StopClock::now() < until && !HelperProcess::asked_to_end()) {
    all_let_go = all_let_go || stragglers_detached();
    attendant.tend();
  }
  const std::byte clean{attendant.end()};
  channel.send({&clean, 1});
}

// A helper that was killed has left an attendant, and it a child: both end by themselves.
bool clean_up_after_helper(const Process& process, const SyscallGadgets& sites, const SigframeArea& room,
                           const std::vector<pid_t>& children_before) {
  const HelperProcess helper([&](Channel& channel) {
    const std::byte clean{end_left_attendant(process, sites, room, children_before)};
    channel.send({&clean, 1});
  });
  std::byte clean{};
  return helper.channel().receive({&clean, 1}) && clean == std::byte{1};
}

std::string left_behind(const Process& process) {
  return "a thread of process " + std::to_string(process.pid()) +
         " that heapglass made, or its child, has not ended yet";
}

// Memory that the target keeps from its children (MADV_DONTFORK), in bytes.
// That it has it before and after the child is made says that it had it when it was.
std::uint64_t kept_from_children(const Mappings& before, const Mappings& after, const Mappings& of_child) {
  std::uint64_t bytes = 0;
  for (const Mapping& m : before)
    if (m.readable && m.writable && !m.shared && find_mapping(after, m.start) &&
        !find_mapping(of_child, m.start))
      bytes += m.size();
  return bytes;
}

}  // namespace

std::string why_not_fork(const Process& process) {
  std::string reason = why_not_inject(process);
  return reason.empty() ? why_no_child(process) : reason;
}

double estimate_fork_ms(CapturePlan& prepared) {
  const Process& process = prepared.process();
  return stop_ms(list_threads(process.pid()).size()) +
         kMsPerGigabyte * static_cast<double>(cow_bytes(process)) / 1e9;
}

Capture freeze_fork(CapturePlan& prepared, const SafePoint& moment, std::optional<double> max_pause_ms) {
  const Process& process = prepared.process();
  const Mappings mappings = process.mappings();
  const std::optional<SyscallGadgets> sites = find_call_sites(process, mappings);
  if (!sites)
    throw FreezeModeUnavailable(ErrorKind::kUnreachable,
                                "its C library has no instructions by which a system call could be injected");
  const std::optional<SigframeArea> room = find_sigframe_area(process, mappings);
  if (!room) throw FreezeModeUnavailable(ErrorKind::kUnreachable, kNoFrameRoom);
  const std::vector<pid_t> children_before = clone_children(process.pid());
  InjectedForker attendant(process, *sites, *room, CLONE_FILES | CLONE_FS);  // in the helper
  StopOptions options;
  if (max_pause_ms)
    options.longest_try =
        std::min(options.longest_try, std::chrono::duration_cast<StopClock::duration>(
                                          std::chrono::duration<double, std::milli>(*max_pause_ms)));
  const TracerHelper hold(
      process, *sites, moment, options,
      {.in_stop =
           [&](InjectedCalls& calls) {
             const long error = attendant.start(calls);
             return error < 0 ? error : attendant.make_child();
           },
       .then =
           [&](Channel& channel, const std::function<bool()>& stragglers_detached, const HoldReport& told) {
             keep_until_read(channel, stragglers_detached, attendant, told.result);
           }});
  const HoldReport& report = hold.report();
  if (report.end == HoldReport::End::kHelperGone) {
    const bool clean = clean_up_after_helper(process, *sites, *room, children_before);
    process.check_alive();
    throw FreezeModeUnavailable(
        ErrorKind::kUnreachable,
        "the helper that held it was killed" + (clean ? std::string() : "; " + left_behind(process)));
  }
  if (report.result < 0)
    throw FreezeModeUnavailable(
        ErrorKind::kUnreachable,
        "it cannot make a child: " + std::string(std::strerror(static_cast<int>(-report.result))));
  Capture capture;
  capture.pause_ms = report.pause_ms;
  capture.looks = report.looks;
  capture.no_safe_point = report.no_safe_point;
  capture.was_stopped = report.was_stopped;
  capture.threads = report.threads;
  bool complete = false;
  try {
    const Process child = Process::open(static_cast<pid_t>(report.result));
    capture.mappings = child.mappings();
    prepared.copier()->copy_of(child, capture.mappings);
    child.check_alive();
    complete = true;
  } catch (const Error&) {
    // It was ended meanwhile, by a system short of memory maybe.
  }
  const std::byte done{1};
  std::byte clean{};
  const bool told = hold.channel().send({&done, 1}) && hold.channel().receive({&clean, 1});
  bool nothing_left = told && clean == std::byte{1};
  if (!told) nothing_left = clean_up_after_helper(process, *sites, *room, children_before);
  process.check_alive();
  if (!complete)
    throw FreezeModeUnavailable(ErrorKind::kUnreachable,
                                "its copy was ended while it was read" +
                                    (nothing_left ? std::string() : "; " + left_behind(process)));
  if (!nothing_left) capture.caveats.push_back({"left-behind", 0, left_behind(process)});
  if (const std::uint64_t bytes = kept_from_children(mappings, process.mappings(), capture.mappings))
    capture.caveats.push_back({"kept-from-children", bytes,
                               as_mb(bytes) + " are not there: the process keeps them from its children"});
  prepared.finish(capture);
  return capture;
}

}  // namespace heapglass
