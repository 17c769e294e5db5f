#include "platform/stopping/signal_frame.h"

#include <sys/uio.h>

namespace heapglass {

#if defined(__x86_64__)
SignalFrame frame_of(const user_regs_struct& r, std::uint64_t mask, std::uint64_t sigreturn,
                     std::uint64_t floating) {
  // Flags of a frame: it has extended state, and a stack segment that is to be taken as it stands.
  constexpr std::uint64_t kFrameFlags = 1 | 2 | 4;
  // An alternative stack that the kernel refuses, and so leaves the thread the one that it has.
  constexpr std::uint32_t kNoSuchStack = 0x7f;
  SignalFrame f{};
  f.sigreturn = sigreturn;
  f.uc_flags = kFrameFlags;
  f.ss_flags = kNoSuchStack;
  f.r8 = r.r8, f.r9 = r.r9, f.r10 = r.r10, f.r11 = r.r11;
  f.r12 = r.r12, f.r13 = r.r13, f.r14 = r.r14, f.r15 = r.r15;
  f.di = r.rdi, f.si = r.rsi, f.bp = r.rbp, f.bx = r.rbx, f.dx = r.rdx, f.ax = r.rax, f.cx = r.rcx;
  f.sp = r.rsp, f.ip = r.rip, f.flags = r.eflags;
  f.cs = static_cast<std::uint16_t>(r.cs), f.ss = static_cast<std::uint16_t>(r.ss);
  f.fpstate = floating;
  f.uc_sigmask = mask;
  return f;
}
#endif

bool write_to(pid_t pid, std::uint64_t to, std::span<const std::byte> bytes) {
  const iovec local{const_cast<std::byte*>(bytes.data()), bytes.size()};
  const iovec remote{reinterpret_cast<void*>(to), bytes.size()};
  return process_vm_writev(pid, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(bytes.size());
}

}  // namespace heapglass
