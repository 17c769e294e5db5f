#include "platform/freeze_fork.h"

#include <sched.h>
#include <sys/ptrace.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>

#include "platform/attendant.h"
#include "platform/held_child.h"
#include "platform/injectable.h"
#include "platform/injected_hold.h"
#include "platform/threads.h"
#include "platform/trace.h"

namespace heapglass {
namespace {

// What the kernel takes to copy the page tables of 1 GB: 9 to 18 ms under virtualisation, less on bare metal.
constexpr double kMsPerGigabyte = 12;
// No capture takes as long: somebody has stopped us, and the target pays for each page that it writes.
constexpr std::chrono::minutes kLongestRead{2};

// In the helper: the child is read by us until we say so, or are no longer there.
void keep_until_read(Channel& channel, const std::function<bool()>& late_ones_let_go, Attendant& attendant,
                     long child_or_error) {
  if (child_or_error > 0)
    trace(PTRACE_SETOPTIONS, static_cast<pid_t>(child_or_error), nullptr,
          reinterpret_cast<void*>(PTRACE_O_EXITKILL));
  const auto until = StopClock::now() + kLongestRead;
  bool all_let_go = late_ones_let_go();
  while (child_or_error > 0 && !channel.wait(std::chrono::milliseconds(all_let_go ? 20 : 1)) &&
         StopClock::now() < until && !HelperProcess::asked_to_end()) {
    all_let_go = all_let_go || late_ones_let_go();
    attendant.tend();
  }
  const std::byte clean{attendant.end()};
  channel.send({&clean, 1});
}

// A helper that was killed has left an attendant, and it a child: both end by themselves.
bool clean_up_after_helper(const Process& process, const CallSites& sites, const FrameRoom& room,
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

double estimate_fork_ms(Prepared& prepared) {
  const Process& process = prepared.process();
  return stop_ms(list_threads(process.pid()).size()) +
         kMsPerGigabyte * static_cast<double>(shared_with_a_child(process)) / 1e9;
}

Capture freeze_fork(Prepared& prepared, const GoodMoment& moment, std::optional<double> max_pause_ms) {
  const Process& process = prepared.process();
  const Mappings mappings = process.mappings();
  const std::optional<CallSites> sites = find_call_sites(process, mappings);
  if (!sites)
    throw CannotHoldThisWay(ErrorKind::kUnreachable,
                            "its C library has no instructions by which a system call could be injected");
  const std::optional<FrameRoom> room = find_frame_room(process, mappings);
  if (!room) throw CannotHoldThisWay(ErrorKind::kUnreachable, kNoFrameRoom);
  const std::vector<pid_t> children_before = children_without_signal(process.pid());
  Attendant attendant(process, *sites, *room, CLONE_FILES | CLONE_FS);  // in the helper
  StopOptions options;
  if (max_pause_ms)
    options.longest_try =
        std::min(options.longest_try, std::chrono::duration_cast<StopClock::duration>(
                                          std::chrono::duration<double, std::milli>(*max_pause_ms)));
  const HelperHold hold(
      process, *sites, moment, options,
      {.in_stop =
           [&](InjectedCalls& calls) {
             const long error = attendant.start(calls);
             return error < 0 ? error : attendant.make_child();
           },
       .then =
           [&](Channel& channel, const std::function<bool()>& late_ones_let_go, const HoldReport& told) {
             keep_until_read(channel, late_ones_let_go, attendant, told.result);
           }});
  const HoldReport& report = hold.report();
  if (report.end == HoldReport::End::kHelperGone) {
    const bool clean = clean_up_after_helper(process, *sites, *room, children_before);
    process.check_alive();
    throw CannotHoldThisWay(
        ErrorKind::kUnreachable,
        "the helper that held it was killed" + (clean ? std::string() : "; " + left_behind(process)));
  }
  if (report.result < 0)
    throw CannotHoldThisWay(
        ErrorKind::kUnreachable,
        "it cannot make a child: " + std::string(std::strerror(static_cast<int>(-report.result))));
  Capture capture;
  capture.pause_ms = report.pause_ms;
  capture.looks = report.looks;
  capture.no_good_moment = report.no_good_moment;
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
    throw CannotHoldThisWay(ErrorKind::kUnreachable,
                            "its copy was ended while it was read" +
                                (nothing_left ? std::string() : "; " + left_behind(process)));
  if (!nothing_left) capture.notes.push_back(left_behind(process));
  if (const std::uint64_t bytes = kept_from_children(mappings, process.mappings(), capture.mappings))
    capture.notes.push_back(as_mb(bytes) + " are not there: the process keeps them from its children");
  prepared.finish(capture);
  return capture;
}

}  // namespace heapglass
