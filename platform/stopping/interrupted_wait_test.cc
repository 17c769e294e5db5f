#include "platform/stopping/interrupted_wait.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <cerrno>

namespace heapglass {
namespace {

#if defined(__x86_64__)
user_regs_struct interrupted(long number) {
  user_regs_struct regs{};
  regs.cs = 0x33;
  regs.orig_rax = static_cast<unsigned long long>(number);
  regs.rax = static_cast<unsigned long long>(-EINTR);
  return regs;
}

TEST(InterruptedWait, WithoutALimitBeginsAnew) {
  user_regs_struct epoll = interrupted(SYS_epoll_wait);
  epoll.r10 = 0xffffffff;  // int -1, however the upper half came out
  for (user_regs_struct regs : {epoll, interrupted(SYS_semop), interrupted(SYS_semtimedop),
                                interrupted(SYS_rt_sigtimedwait), interrupted(441)}) {
    EXPECT_TRUE(restart_wait(regs)) << regs.orig_rax;
    EXPECT_EQ(static_cast<long long>(regs.rax), -514);
    EXPECT_FALSE(restart_wait(regs));  // once is enough
  }
}

TEST(InterruptedWait, AnythingElseIsLeftAsItIs) {
  user_regs_struct limited = interrupted(SYS_epoll_wait), deadline = interrupted(SYS_semtimedop),
                   until = interrupted(SYS_rt_sigtimedwait), returned = interrupted(SYS_semop),
                   of_32_bits = interrupted(SYS_semop), outside = interrupted(-1);
  limited.r10 = 1000;
  deadline.r10 = 0x7fff0000;
  until.rdx = 0x7fff0000;
  returned.rax = 0;
  of_32_bits.cs = 0x23;
  for (user_regs_struct regs : {limited, deadline, until, returned, of_32_bits, outside,
                                interrupted(SYS_read), interrupted(SYS_recvfrom), interrupted(SYS_poll)}) {
    const auto before = regs.rax;
    EXPECT_FALSE(restart_wait(regs)) << static_cast<long long>(regs.orig_rax);
    EXPECT_EQ(regs.rax, before);
  }
}
#endif

}  // namespace
}  // namespace heapglass
