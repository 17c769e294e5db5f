#include "platform/process/system_calls.h"

#include <sys/syscall.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

namespace heapglass {
namespace {

constexpr const char* kRestartedCall = "a restarted call (poll, nanosleep or futex)";

constexpr std::pair<long, const char*> kNames[] = {
    {SYS_accept, "accept"},
    {SYS_accept4, "accept4"},
    {SYS_clock_nanosleep, "clock_nanosleep"},
    {SYS_clone, "clone"},
    {SYS_clone3, "clone3"},
    {SYS_close, "close"},
    {SYS_connect, "connect"},
    {SYS_copy_file_range, "copy_file_range"},
    {SYS_epoll_pwait, "epoll_pwait"},
    {SYS_epoll_pwait2, "epoll_pwait2"},
    {SYS_execve, "execve"},
    {SYS_exit, "exit"},
    {SYS_exit_group, "exit_group"},
    {SYS_fallocate, "fallocate"},
    {SYS_fcntl, "fcntl"},
    {SYS_fdatasync, "fdatasync"},
    {SYS_flock, "flock"},
    {SYS_fsync, "fsync"},
    {SYS_ftruncate, "ftruncate"},
    {SYS_futex, "futex"},
    {SYS_futex_waitv, "futex_waitv"},
    {SYS_getdents64, "getdents64"},
    {SYS_getrandom, "getrandom"},
    {SYS_io_getevents, "io_getevents"},
    {SYS_io_uring_enter, "io_uring_enter"},
    {SYS_ioctl, "ioctl"},
    {SYS_madvise, "madvise"},
    {SYS_mmap, "mmap"},
    {SYS_mprotect, "mprotect"},
    {SYS_mq_timedreceive, "mq_timedreceive"},
    {SYS_mq_timedsend, "mq_timedsend"},
    {SYS_msgrcv, "msgrcv"},
    {SYS_msync, "msync"},
    {SYS_munmap, "munmap"},
    {SYS_nanosleep, "nanosleep"},
    {SYS_newfstatat, "newfstatat"},
    {SYS_openat, "openat"},
    {SYS_ppoll, "ppoll"},
    {SYS_pread64, "pread64"},
    {SYS_preadv, "preadv"},
    {SYS_pselect6, "pselect6"},
    {SYS_pwrite64, "pwrite64"},
    {SYS_read, "read"},
    {SYS_readv, "readv"},
    {SYS_recvfrom, "recvfrom"},
    {SYS_recvmmsg, "recvmmsg"},
    {SYS_recvmsg, "recvmsg"},
    {SYS_renameat2, "renameat2"},
    {SYS_restart_syscall, kRestartedCall},
    {SYS_rt_sigsuspend, "rt_sigsuspend"},
    {SYS_rt_sigtimedwait, "rt_sigtimedwait"},
    {SYS_sched_yield, "sched_yield"},
    {SYS_semop, "semop"},
    {SYS_semtimedop, "semtimedop"},
    {SYS_sendfile, "sendfile"},
    {SYS_sendmmsg, "sendmmsg"},
    {SYS_sendmsg, "sendmsg"},
    {SYS_sendto, "sendto"},
    {SYS_splice, "splice"},
    {SYS_statx, "statx"},
    {SYS_sync, "sync"},
    {SYS_tgkill, "tgkill"},
    {SYS_unlinkat, "unlinkat"},
    {SYS_wait4, "wait4"},
    {SYS_waitid, "waitid"},
    {SYS_write, "write"},
    {SYS_writev, "writev"},
#if defined(__x86_64__)
    {SYS_epoll_wait, "epoll_wait"},
    {SYS_fork, "fork"},
    {SYS_open, "open"},
    {SYS_pause, "pause"},
    {SYS_poll, "poll"},
    {SYS_select, "select"},
    {SYS_stat, "stat"},
    {SYS_vfork, "vfork"},
#endif
};

#if defined(__x86_64__)
bool is_pointer(std::uint64_t argument) { return argument >> 32 != 0; }

// By its arguments, which a restarted call has in their places: who calls poll has a number of descriptors
// where nanosleep has a pointer, and so on. -1: several calls have such.
long called_with(const SystemCallArguments& a) {
  constexpr std::uint64_t kClocks = 12;
  // linux/futex.h: FUTEX_WAIT_BITSET with all bits and FUTEX_WAIT, FUTEX_PRIVATE_FLAG and
  // FUTEX_CLOCK_REALTIME.
  constexpr std::uint64_t kWaitBitset = 9, kPrivate = 128, kRealtime = 256, kAllBits = 0xffff'ffff;
  if (a[0] < kClocks) return a[1] <= 1 && is_pointer(a[2]) ? SYS_clock_nanosleep : -1;
  if (is_pointer(a[1])) return SYS_nanosleep;
  if ((a[1] & ~(kPrivate | kRealtime)) == kWaitBitset && a[5] == kAllBits && is_pointer(a[3]))
    return SYS_futex;
  if ((a[1] & ~kRealtime) == kPrivate && is_pointer(a[3])) return SYS_futex;
  return a[1] > 0 && a[1] < kPrivate && a[1] != kWaitBitset && !is_pointer(a[2]) ? SYS_poll : -1;
}

// By the code before the place where it comes back to: mov $NUMBER, %eax.
long called_by(const std::byte* code, std::size_t size) {
  constexpr std::byte kMove{0xb8};
  for (std::size_t i = size; i-- > 0;) {
    std::uint32_t number = 0;
    if (code[i] != kMove || size - i - 1 < sizeof number) continue;
    std::memcpy(&number, code + i + 1, sizeof number);
    for (const long each : {SYS_poll, SYS_nanosleep, SYS_clock_nanosleep, SYS_futex})
      if (number == static_cast<std::uint32_t>(each)) return each;
  }
  return -1;
}
#endif

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

void name_restarted_calls(const Image& image, std::vector<ThreadRegisters>& threads) {
#if defined(__x86_64__)
  constexpr std::size_t kCode = 32;
  for (ThreadRegisters& thread : threads) {
    if (thread.system_call != kRestartedCall) continue;
    long call = called_with(arguments_in(thread.general));
    if (call < 0)
      if (const std::byte* code = image.at(thread.instruction_pointer - kCode, kCode))
        call = called_by(code, kCode);
    if (call < 0) continue;
    thread.system_call = system_call_name(call);
    if (call != SYS_futex) thread.futex = Address{};
  }
#endif
}

}  // namespace heapglass
