#include "platform/freezing/freeze_precopy.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "platform/copying/dirty_tracker.h"
#include "platform/injection/injectable.h"
#include "platform/injection/injected_forker.h"
#include "platform/injection/stopped_child.h"
#include "platform/injection/tracer_helper.h"
#include "platform/process/threads.h"
#include "platform/stopping/safe_point_wait.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434  // Linux 5.3
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438  // Linux 5.6
#endif

namespace heapglass {
namespace {

constexpr long kCloseRange = 436;  // arch/x86/entry/syscalls/syscall_64.tbl; newer than some headers are

// The rounds end when there is next to nothing left, or when a round leaves hardly less than the one before.
constexpr std::uint64_t kLittle = 256 << 10;
constexpr double kHardlyLess = 0.7;
constexpr unsigned kMostRounds = 8;
// In the last stop, scattered pages: looking for them per GB of memory, copying them.
constexpr double kLookMsPerGigabyte = 0.6, kScatteredGigabytesPerSecond = 5;

double copy_ms(std::uint64_t bytes) {
  return static_cast<double>(bytes) / (kScatteredGigabytesPerSecond * 1e6);
}

bool uses_userfaultfd(pid_t pid) {
  std::error_code gone;
  for (const auto& each : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd", gone)) {
    std::error_code unreadable;
    if (std::filesystem::read_symlink(each.path(), unreadable) == "anon_inode:[userfaultfd]") return true;
  }
  return false;
}

// Of the memory of the process, made by a child that has the same memory and, before it makes one, no
// descriptors: the process itself never has it. -errno.
long take_userfaultfd(InjectedForker& attendant, FileDescriptor& ours) {
  const long child = attendant.make_child();
  if (child < 0) return child;
  constexpr std::uint64_t kAll = ~0u, kUnshareFirst = 2;  // CLOSE_RANGE_UNSHARE, Linux 5.9
  if (const long error = attendant.call_in_child(kCloseRange, {0, kAll, kUnshareFirst}); error < 0)
    return error;
  const long theirs = attendant.call_in_child(SYS_userfaultfd, {kUserfaultfdFlags});
  if (theirs < 0) return theirs;
  const FileDescriptor process(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
  ours = FileDescriptor(static_cast<int>(syscall(SYS_pidfd_getfd, process.get(), theirs, 0)));
  return ours ? 0 : -errno;
}

FileDescriptor userfaultfd_of(const Process& process, const SyscallGadgets& sites, const StopOptions& options,
                              double& pause_ms) {
  if (uses_userfaultfd(process.pid()))
    throw FreezeModeUnavailable(ErrorKind::kUnreachable, "it uses userfaultfd itself");
  const std::optional<SigframeArea> room = find_sigframe_area(process, process.mappings());
  if (!room) throw FreezeModeUnavailable(ErrorKind::kUnreachable, kNoFrameRoom);
  const std::vector<pid_t> children_before = clone_children(process.pid());
  InjectedForker attendant(process, sites, *room, CLONE_VM | CLONE_FILES | CLONE_FS);  // in the helper
  const TracerHelper hold(process, sites, {}, options,
                          {.of = InjectionPlan::Of::kOneThread,
                           .in_stop = [&](InjectedCalls& calls) { return attendant.start(calls); },
                           .then =
                               [&](Channel& channel, const std::function<bool()>&, const HoldReport& report) {
                                 FileDescriptor taken;
                                 const std::int64_t result =
                                     report.result < 0 ? report.result : take_userfaultfd(attendant, taken);
                                 attendant.end();
                                 channel.send(std::as_bytes(std::span(&result, 1)));
                                 if (result == 0) channel.send_descriptor(taken.get());
                               }});
  pause_ms = hold.report().pause_ms;
  std::int64_t result = 0;
  FileDescriptor ours;
  const bool told = hold.report().end == HoldReport::End::kDone &&
                    hold.channel().receive(std::as_writable_bytes(std::span(&result, 1)));
  if (told && result == 0) ours = hold.channel().receive_descriptor();
  if (told && result < 0)
    throw FreezeModeUnavailable(
        ErrorKind::kUnreachable,
        "its writes cannot be tracked: " + std::string(std::strerror(static_cast<int>(-result))));
  if (!ours) {
    const HelperProcess helper([&](Channel&) { end_left_attendant(process, sites, *room, children_before); });
    process.check_alive();
    throw FreezeModeUnavailable(ErrorKind::kUnreachable, "the helper that held it was killed");
  }
  return ours;
}

// Rounds until another would not help. Returns the bytes of the last.
std::uint64_t copy_in_rounds(MemoryCopier& copier, DirtyTracker& tracker) {
  std::uint64_t last = copier.copy_round(tracker);
  for (unsigned round = 1; round < kMostRounds && last > kLittle; ++round) {
    const std::uint64_t now = copier.copy_round(tracker);
    const bool enough = static_cast<double>(now) > kHardlyLess * static_cast<double>(last);
    last = now;
    if (enough && round > 1) break;
  }
  return last;
}

void refuse_if_too_long(const Process& process, std::uint64_t bytes, std::uint64_t most_bytes) {
  if (bytes <= most_bytes) return;
  throw Error(ErrorKind::kUnreachable,
              "process " + std::to_string(process.pid()) + " was not held for its last changes: it writes " +
                  as_mb(bytes) +
                  " in the time that it takes to copy as much, which would hold it for about " +
                  as_ms(copy_ms(bytes)) + ", --max-pause permits " + as_ms(copy_ms(most_bytes)),
              "try again at a quieter moment; --freeze=none does not hold it");
}

// For tests: holds the process for as long as a copy would.
void check_copy(MemoryCopier& copier) {
  const std::vector<std::uint64_t> wrong = copier.wrong_pages();
  if (wrong.empty()) return;
  throw Error(ErrorKind::kUnreachable, std::to_string(wrong.size()) +
                                           " pages were not copied as they are, the first at " +
                                           to_hex(Address{wrong.front()}));
}

// The rounds, and the stop for the rest.
void copy_and_hold(const Process& process, MemoryCopier& copier, const SyscallGadgets& sites,
                   const SafePoint& moment, const StopOptions& options, std::uint64_t most_bytes,
                   bool check_in_stop, Capture& capture) {
  DirtyTracker tracker(process.pid(), userfaultfd_of(process, sites, options, capture.pause_ms));
  for (const Range& range : MemoryCopier::watchable(process.mappings()))
    if (tracker.watched_by_another(range))
      throw FreezeModeUnavailable(ErrorKind::kUnreachable, "somebody else tracks its writes already");
  std::uint64_t last = copy_in_rounds(copier, tracker);
  SafePointWait watch(process, moment);
  for (bool taken = false; !taken;) {
    watch.await();
    if (last > kLittle || watch.looks() > 0) last = copier.copy_round(tracker);
    refuse_if_too_long(process, last, most_bytes);
    bool too_much = false;
    const double ms =
        while_stopped(process.pid(), options, [&](StoppedProcess& stopped, StopClock::time_point) {
          process.check_alive();
          taken = watch.is_safe_now();
          if (!taken) return;  // a moment too late: let go, and look again
          too_much = !copier.copy_rest(tracker, most_bytes, capture.mappings);
          if (check_in_stop && !too_much) check_copy(copier);
          capture.threads = stopped.threads();
          capture.was_stopped = stopped.in_group_stop();
        });
    capture.pause_ms = std::max(capture.pause_ms, ms);
    if (too_much) refuse_if_too_long(process, copier.bytes_listed(), most_bytes);
  }
  capture.looks = watch.looks();
  capture.no_safe_point = watch.gave_up();
}

}  // namespace

std::string why_not_precopy(const Process& process) {
  std::string reason = why_not_inject(process);
  return reason.empty() ? why_no_write_tracking() : reason;
}

double estimate_precopy_ms(CapturePlan& prepared) {
  const Process& process = prepared.process();
  return 2 * stop_ms(list_threads(process.pid()).size()) +
         kLookMsPerGigabyte * static_cast<double>(cow_bytes(process)) / 1e9;
}

Capture freeze_precopy(CapturePlan& prepared, const SafePoint& moment, std::optional<double> max_pause_ms) {
  const Process& process = prepared.process();
  MemoryCopier& copier = *prepared.copier();
  const std::optional<SyscallGadgets> sites = find_call_sites(process, process.mappings());
  if (!sites)
    throw FreezeModeUnavailable(ErrorKind::kUnreachable,
                                "its C library has no instructions by which a system call could be injected");
  StopOptions options;
  std::uint64_t most_bytes = ~std::uint64_t{0};
  if (max_pause_ms) {
    options.longest_try =
        std::min(options.longest_try, std::chrono::duration_cast<StopClock::duration>(
                                          std::chrono::duration<double, std::milli>(*max_pause_ms)));
    most_bytes = static_cast<std::uint64_t>(*max_pause_ms * kScatteredGigabytesPerSecond * 1e6);
  }
  Capture capture;
  try {
    copy_and_hold(process, copier, *sites, moment, options, most_bytes, prepared.check_copy(), capture);
  } catch (const FreezeModeUnavailable&) {
    copier.forget_rounds();
    throw;
  }
  copier.drop_vanished();
  prepared.finish(capture);
  return capture;
}

}  // namespace heapglass
