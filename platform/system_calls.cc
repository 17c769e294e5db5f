#include "platform/system_calls.h"

#include <sys/syscall.h>

#include <utility>

namespace heapglass {
namespace {

constexpr std::pair<long, const char*> kNames[] = {
    {SYS_accept, "accept"},
    {SYS_accept4, "accept4"},
    {SYS_clock_nanosleep, "clock_nanosleep"},
    {SYS_connect, "connect"},
    {SYS_epoll_pwait, "epoll_pwait"},
    {SYS_fcntl, "fcntl"},
    {SYS_fdatasync, "fdatasync"},
    {SYS_flock, "flock"},
    {SYS_fsync, "fsync"},
    {SYS_futex, "futex"},
    {SYS_ioctl, "ioctl"},
    {SYS_nanosleep, "nanosleep"},
    {SYS_openat, "openat"},
    {SYS_ppoll, "ppoll"},
    {SYS_pread64, "pread64"},
    {SYS_preadv, "preadv"},
    {SYS_pselect6, "pselect6"},
    {SYS_pwrite64, "pwrite64"},
    {SYS_read, "read"},
    {SYS_readv, "readv"},
    {SYS_recvfrom, "recvfrom"},
    {SYS_recvmsg, "recvmsg"},
    {SYS_restart_syscall, "restart_syscall"},
    {SYS_rt_sigsuspend, "rt_sigsuspend"},
    {SYS_rt_sigtimedwait, "rt_sigtimedwait"},
    {SYS_sendmsg, "sendmsg"},
    {SYS_sendto, "sendto"},
    {SYS_wait4, "wait4"},
    {SYS_waitid, "waitid"},
    {SYS_write, "write"},
    {SYS_writev, "writev"},
#if defined(__x86_64__)
    {SYS_epoll_wait, "epoll_wait"},
    {SYS_open, "open"},
    {SYS_pause, "pause"},
    {SYS_poll, "poll"},
    {SYS_select, "select"},
#endif
};

}  // namespace

std::string system_call_name(long number) {
  if (number < 0) return {};
  for (const auto& [known, name] : kNames)
    if (known == number) return name;
  return "system call " + std::to_string(number);
}

void set_system_call(ThreadRegisters& thread, long number, std::uint64_t argument) {
  thread.system_call = system_call_name(number);
  // A wait with a time limit that was interrupted goes on as restart_syscall, its arguments in their places.
  if (number == SYS_futex || number == SYS_restart_syscall) thread.futex = Address{argument};
}

}  // namespace heapglass
