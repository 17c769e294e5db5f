#include "platform/stopping/interrupted_wait.h"

#include <cerrno>

#include "platform/process/system_calls.h"

namespace heapglass {

#if defined(__x86_64__)
namespace {

// arch/x86/entry/syscalls/syscall_64.tbl; newer than some headers are.
constexpr unsigned long long kSemop = 65, kSigtimedwait = 128, kSemtimedop = 220, kEpollWait = 232,
                             kEpollPwait = 281, kEpollPwait2 = 441;
constexpr long long kRestartNoHandler = -514;

bool has_no_limit(const user_regs_struct& regs) {
  switch (regs.orig_rax) {
    case kSemop:
      return true;
    case kEpollWait:
    case kEpollPwait:
      return static_cast<int>(regs.r10) < 0;  // milliseconds
    case kSemtimedop:
    case kEpollPwait2:
      return regs.r10 == 0;  // timespec
    case kSigtimedwait:
      return regs.rdx == 0;
    default:
      return false;
  }
}

}  // namespace

bool restart_wait(user_regs_struct& regs) {
  if (regs.cs != kUserCode64 || static_cast<long long>(regs.rax) != -EINTR || !has_no_limit(regs))
    return false;
  regs.rax = static_cast<unsigned long long>(kRestartNoHandler);
  return true;
}
#endif

}  // namespace heapglass
