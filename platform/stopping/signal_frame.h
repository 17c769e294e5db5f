// What the kernel puts on a stack when it runs a signal handler, and rt_sigreturn takes back: all registers
// and the signal mask (arch/x86/include/asm/sigframe.h, struct rt_sigframe, with
// arch/x86/include/uapi/asm/sigcontext.h).
//
// A thread whose stack pointer is at one, and whose next instruction is `ret`, goes on with what is in it.
#pragma once

#include <sys/types.h>
#include <sys/user.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace heapglass {

#if defined(__x86_64__)
struct SignalFrame {
  std::uint64_t sigreturn, uc_flags, uc_link, ss_sp;
  std::uint32_t ss_flags, ss_padding;
  std::uint64_t ss_size;
  std::uint64_t r8, r9, r10, r11, r12, r13, r14, r15, di, si, bp, bx, dx, ax, cx, sp, ip, flags;
  std::uint16_t cs, gs, fs, ss;
  std::uint64_t err, trapno, oldmask, cr2, fpstate, reserved[8];
  std::uint64_t uc_sigmask;
};  // siginfo follows, which nobody takes back
static_assert(sizeof(SignalFrame) == 312);

// `sigreturn` is SyscallGadgets::sigreturn; `floating` where the floating point registers lie in the same
// process, or 0: they are as at a program's start.
SignalFrame frame_of(const user_regs_struct& registers, std::uint64_t mask, std::uint64_t sigreturn,
                     std::uint64_t floating);

constexpr std::uint64_t kAllSignals = ~std::uint64_t{0};  // but SIGKILL and SIGSTOP, which nothing masks
#endif

// Writes to the memory of a process that we may trace; false where not all of it could be.
bool write_to(pid_t pid, std::uint64_t to, std::span<const std::byte> bytes);

}  // namespace heapglass
