#include "platform/injection/injected_forker.h"

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "platform/injection/sigframe_area.h"
#include "platform/injection/stopped_child.h"
#include "platform/process/threads.h"
#include "platform/stopping/helper_process.h"
#include "platform/stopping/signal_frame.h"
#include "platform/stopping/stopped_thread.h"
#include "platform/stopping/trace.h"
#include "platform/stopping/traced_thread.h"

namespace heapglass {

#if defined(__x86_64__)
namespace {

constexpr std::chrono::seconds kEndWithin{5};
// What the kernel takes for the page tables of a child: 12 ms per GB.
constexpr std::chrono::seconds kChildWithin{20};
// Asked to end, we leave no more to a process that does not run than it takes one that runs to end its part.
constexpr std::chrono::seconds kEndSoon{1};

StopClock::time_point end_until() {
  return StopClock::now() + (HelperProcess::asked_to_end() ? kEndSoon : kEndWithin);
}

// Who was killed while a thread was about to make an attendant may see it come a moment later.
constexpr std::chrono::milliseconds kMayComeLate{50};
constexpr std::uint64_t kWaitForOwn = __WALL | __WNOTHREAD;  // children of the very thread that asks

// One behind the other in the room: what comes first, second and last.
constexpr std::uint64_t kMakesChild = 0, kWaits = sizeof(SignalFrame), kEnds = 2 * sizeof(SignalFrame);
static_assert(kEnds + sizeof(SignalFrame) + sizeof kFrameRoomMark <= kFrameRoom);

}  // namespace

void InjectedForker::write_sigframes(const user_regs_struct& like) {
  std::vector<std::byte> bytes(kFrameRoom);
  const auto put = [&](std::uint64_t at, std::uint64_t then, long number, std::uint64_t first,
                       std::uint64_t third) {
    user_regs_struct r = like;
    r.rax = static_cast<unsigned long long>(number);
    r.rdi = first, r.rsi = 0, r.rdx = third, r.r10 = 0, r.r8 = 0, r.r9 = 0;
    r.rip = sites_.system_call;
    r.rsp = room_.at + then;
    const SignalFrame frame = frame_of(r, kAllSignals, sites_.sigreturn, 0);
    std::memcpy(bytes.data() + at, &frame, sizeof frame);
  };
  put(kMakesChild, kWaits, SYS_clone, child_flags_, 0);
  put(kWaits, kEnds, SYS_wait4, ~std::uint64_t{0}, kWaitForOwn);
  put(kEnds, kEnds, SYS_exit, 0, 0);
  std::memcpy(bytes.data() + kFrameRoom - sizeof kFrameRoomMark, kFrameRoomMark, sizeof kFrameRoomMark);
  if (!write_to(process_.pid(), room_.at, bytes))
    throw CannotInject("what is behind its libraries' data cannot be written");
}

long InjectedForker::start(InjectedCalls& calls) {
  write_sigframes(calls.registers());
  const long result = calls.make_stopped_thread(room_.at + kMakesChild);
  if (result < 0) {
    clear(process_, room_);
    return result;
  }
  tid_ = static_cast<pid_t>(result);
  return 0;
}

// Once it has stopped; 0, or a signal that is to have its effect.
bool InjectedForker::go_on(int signal) {
  return trace(PTRACE_CONT, tid_, nullptr, reinterpret_cast<void*>(static_cast<long>(signal))) == 0;
}

long InjectedForker::make_child() {
  int signal = 0;
  switch (wait_for_stop(tid_, signal)) {
    case TracedStop::kEnded:
      return -ESRCH;
    case TracedStop::kLate:
      return -ETIMEDOUT;
    default:
      break;
  }
  long result = 0, handed_on = 0;
  for (bool made = false; !made;) {
    trace(PTRACE_SYSCALL, tid_, nullptr, reinterpret_cast<void*>(handed_on));
    handed_on = 0;
    user_regs_struct r{};
    switch (wait_for_stop(tid_, signal, kChildWithin)) {
      case TracedStop::kEnded:
        return -ESRCH;
      case TracedStop::kLate:
        return -ETIMEDOUT;
      case TracedStop::kSignal:  // SIGSTOP, as all others are blocked
        handed_on = signal;
        break;
      case TracedStop::kHeld:
        break;
      case TracedStop::kSystemCall:  // before and behind rt_sigreturn and clone
        made = get_registers(tid_, r) && r.orig_rax == SYS_clone &&
               static_cast<long>(r.rax) != -ENOSYS;  // which is what stands there before
        result = static_cast<long>(r.rax);
        break;
      case TracedStop::kChild:
        made = true;
        child_ = made_child(tid_);
        result = child_;
        break;
    }
  }
  // Set for this alone, and what it has made has them as well.
  trace(PTRACE_SETOPTIONS, tid_, nullptr, nullptr);
  go_on(0);
  if (child_ == 0) return result;
  const TracedStop first = wait_for_stop(child_, signal);
  if (first == TracedStop::kEnded) return -ESRCH;
  return first == TracedStop::kLate ? -ETIMEDOUT : result;
}

long InjectedForker::call_in_child(long number, const std::array<std::uint64_t, 6>& arguments) {
  user_regs_struct r{};
  if (!get_registers(child_, r)) return -ESRCH;
  r.rax = static_cast<unsigned long long>(number);
  r.orig_rax = ~0ull;  // or the kernel might have a call begin anew
  r.rdi = arguments[0], r.rsi = arguments[1], r.rdx = arguments[2];
  r.r10 = arguments[3], r.r8 = arguments[4], r.r9 = arguments[5];
  r.rip = sites_.system_call;
  r.rsp = room_.at + kWaits;  // where it goes on if we die
  if (!set_registers(child_, r)) return -ESRCH;
  trace(PTRACE_SETOPTIONS, child_, nullptr, reinterpret_cast<void*>(PTRACE_O_TRACESYSGOOD));
  for (int stops = 0; stops < 2;) {
    trace(PTRACE_SYSCALL, child_, nullptr, nullptr);
    int signal = 0;
    const TracedStop stop = wait_for_stop(child_, signal);
    if (stop == TracedStop::kEnded) return -ESRCH;
    if (stop == TracedStop::kLate) return -ETIMEDOUT;
    if (stop == TracedStop::kSystemCall) ++stops;
  }
  return get_registers(child_, r) ? static_cast<long>(r.rax) : -ESRCH;
}

void InjectedForker::tend() {
  int signal = 0;
  if (tid_ == 0) return;
  const auto stop = look_for_stop(tid_, signal);
  if (!stop) return;
  if (*stop == TracedStop::kEnded) {
    tid_ = 0;
    return;
  }
  go_on(*stop == TracedStop::kSignal ? signal : 0);
}

bool InjectedForker::end() {
  if (child_ != 0) {
    kill(child_, SIGKILL);
    int signal = 0;
    for (TracedStop stop = TracedStop::kHeld; stop != TracedStop::kEnded && stop != TracedStop::kLate;)
      stop = wait_for_stop(child_, signal);
  }
  for (const auto until = end_until(); tid_ != 0 && StopClock::now() < until;) {
    tend();
    if (tid_ != 0) nap(std::chrono::microseconds(200));
  }
  if (tid_ == 0) clear(process_, room_);
  // Where the process has become another program its threads are gone, and the child is one of that program.
  return tid_ == 0 && (child_ == 0 || reap_via_parent(process_, sites_, child_));
}

bool end_left_attendant(const Process& process, const SyscallGadgets& sites, const SigframeArea& room,
                        const std::vector<pid_t>& children_before) {
  const auto began = StopClock::now();
  while (StopClock::now() < began + kEndWithin && !HelperProcess::asked_to_end()) {
    const std::vector<pid_t> there = threads_in(process, room);
    if (there.empty() && StopClock::now() > began + kMayComeLate) {
      bool clean = true;
      for (const pid_t child : clone_children(process.pid()))
        if (!std::count(children_before.begin(), children_before.end(), child))
          clean &= reap_via_parent(process, sites, child);
      return clean;
    }
    for (const pid_t tid : there) {
      // It ends by itself, but in a process that is stopped.
      if (trace(PTRACE_SEIZE, tid, nullptr, nullptr) != 0) continue;
      trace(PTRACE_INTERRUPT, tid, nullptr, nullptr);
      for (bool ended = false;
           !ended && StopClock::now() < began + kEndWithin && !HelperProcess::asked_to_end();) {
        int signal = 0;
        const auto stop = look_for_stop(tid, signal);
        ended = stop == TracedStop::kEnded;
        if (stop && !ended)
          trace(PTRACE_CONT, tid, nullptr,
                reinterpret_cast<void*>(stop == TracedStop::kSignal ? static_cast<long>(signal) : 0L));
        if (!stop) nap(std::chrono::microseconds(200));
      }
    }
    nap(std::chrono::microseconds(200));
  }
  return false;
}
#else
long InjectedForker::start(InjectedCalls&) { return -ENOSYS; }
long InjectedForker::make_child() { return -ENOSYS; }
long InjectedForker::call_in_child(long, const std::array<std::uint64_t, 6>&) { return -ENOSYS; }
void InjectedForker::tend() {}
bool InjectedForker::end() { return true; }
bool end_left_attendant(const Process&, const SyscallGadgets&, const SigframeArea&,
                        const std::vector<pid_t>&) {
  return true;
}
#endif

}  // namespace heapglass
