// System calls that a held thread of a process makes for us, after which it stands where it stood.
//
// While it makes them, the thread has below its stack what the kernel puts there when it runs a signal
// handler: the registers, floating point included, and the signal mask that it had. The `ret` behind the call
// leads to rt_sigreturn. So whoever holds the thread may die at any moment: the thread then makes the call
// that it was about to make, comes back by itself, and goes on. (arch/x86/kernel/signal_64.c, man 2
// sigreturn.)
#pragma once

#include <sys/types.h>
#include <sys/user.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "platform/injection/syscall_gadgets.h"
#include "platform/process/process.h"
#include "platform/stopping/traced_thread.h"

namespace heapglass {

// The thread cannot be used this way, or is no longer there; it is as it was.
class CannotInject : public Error {
 public:
  explicit CannotInject(const std::string& why) : Error(ErrorKind::kUnreachable, why) {}
};

// Of threads that are held, the one that is disturbed least; 0 where none will do, with the reason of the
// last one. It has to be a 64-bit one, with room below its stack (a stack of the kernel's or of a C
// library's, with memory there that is its own already), not in the middle of a restartable sequence. One
// that the kernel lets begin its wait anew comes before one whose wait would return EINTR if we died.
pid_t choose_thread(const Process& process, const std::vector<pid_t>& held, std::string& why_not);

class InjectedCalls {
 public:
  // `tid` is held by this very thread of ours, seized and stopped by PTRACE_INTERRUPT, on no signal's way.
  // Throws CannotInject.
  InjectedCalls(const Process& process, const SyscallGadgets& sites, pid_t tid);
  // The thread is as it was, and still held.
  ~InjectedCalls();
  InjectedCalls(const InjectedCalls&) = delete;
  InjectedCalls& operator=(const InjectedCalls&) = delete;

  // What the call returns: -errno where it fails. It may not block. Throws CannotInject where the thread
  // ends.
  long call(long number, const std::array<std::uint64_t, 6>& arguments);
  // A thread more of the process, traced by us and held before its first instruction, a `ret` at `stack`; all
  // signals are blocked for it. -errno where there is none.
  long make_stopped_thread(std::uint64_t stack);
  // Those that it had.
  const user_regs_struct& registers() const { return registers_; }

 private:
  void write_sigframes();
  void begin(long number, const std::array<std::uint64_t, 6>& arguments);
  TracedStop next_stop();
  [[noreturn]] void give_up_wait();
  void wait_until_held();
  void go_on_to_call();
  void restore();

  const Process& process_;
  const SyscallGadgets sites_;
  const pid_t tid_;
  user_regs_struct registers_{};
  std::uint64_t mask_ = 0;
  std::vector<std::byte> floating_;  // NT_X86_XSTATE
  std::uint64_t base_ = 0;           // of what lies below the stack
  std::vector<std::byte> before_;    // that was there
  bool changed_ = false;
  bool gone_ = false;  // it has ended
  bool lost_ = false;  // it comes to no stop
};

}  // namespace heapglass
