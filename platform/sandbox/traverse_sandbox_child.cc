#include "platform/sandbox/traverse_sandbox_child.h"

#if defined(__x86_64__)

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#endif

#include <cstddef>
#include <cstring>
#include <utility>

#include "platform/sandbox/traverse_sandbox_stub.h"

namespace heapglass {
namespace {

// glibc has registered an area of each thread's with the kernel, which writes there when the thread is
// preempted. Once that area is unmapped the first preemption would kill us outside of any handler.
bool forget_rseq() {
#if __has_include(<sys/rseq.h>)
  if (__rseq_size == 0) return true;
  char* area = static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset;
  // Which length it was registered with is not told by every release.
  const std::uint64_t lengths[] = {32, (__rseq_size + 31u) / 32 * 32, __rseq_size,
                                   getauxval(27 /* AT_RSEQ_FEATURE_SIZE */)};
  for (const std::uint64_t length : lengths)
    if (syscall(SYS_rseq, area, length, 1 /* RSEQ_FLAG_UNREGISTER */, RSEQ_SIG) == 0) return true;
  return false;
#else
  return true;
#endif
}

// In the child: after this it has no rights that nobody has.
void drop_privileges(pid_t parent) {
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  // The plain calls: those of the library are for all threads of a process that no longer has them.
  const bool nobody = geteuid() == 0 && syscall(SYS_setgroups, 0, nullptr) == 0 &&
                      syscall(SYS_setresgid, 65534, 65534, 65534) == 0 &&
                      syscall(SYS_setresuid, 65534, 65534, 65534) == 0;
  // Root without capabilities cannot become another user, and stays what it is: a name.
  if (!nobody) {
    const uid_t user = geteuid();
    const gid_t group = getegid();
    if (syscall(SYS_setresgid, group, group, group) != 0 || syscall(SYS_setresuid, user, user, user) != 0)
      _exit(stub::kExitNoUser);
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct nothing[2] = {};
  if (syscall(SYS_capset, &header, nothing) != 0) _exit(stub::kExitNoUser);
  // After the change of user, which resets both.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_DUMPABLE, 0);
  if (getppid() != parent) _exit(stub::kExitNoUser);
  // Of processor time more than all children together may take, should a parent of few rights be unable to
  // end this one.
  const rlimit none{0, 0}, seconds{25, 25};
  if (setrlimit(RLIMIT_CORE, &none) != 0 || setrlimit(RLIMIT_FSIZE, &none) != 0 ||
      setrlimit(RLIMIT_NPROC, &none) != 0 || setrlimit(RLIMIT_CPU, &seconds) != 0)
    _exit(stub::kExitNoUser);
}

[[noreturn]] void become_copied_process(const CopiedProcessBlock& block, pid_t parent) {
  drop_privileges(parent);
  if (!forget_rseq()) _exit(stub::kExitNoRseq);
  // The kernel would write here when the thread ends.
  syscall(SYS_set_tid_address, nullptr);
  syscall(SYS_set_robust_list, nullptr, 24);
  auto map = [&](std::uint64_t at, std::uint64_t size, int protection, int flags, int descriptor,
                 std::uint64_t offset) {
    void* const wanted = reinterpret_cast<void*>(block.at + at);
    if (mmap(wanted, size, protection, flags | MAP_FIXED_NOREPLACE, descriptor, static_cast<off_t>(offset)) !=
        wanted)
      _exit(stub::kExitNoBlock);
  };
  for (const auto& [at, size] :
       {std::pair(stub::kControl, stub::kControlSize), std::pair(stub::kPlan, stub::kPlanSize),
        std::pair(stub::kObjects, stub::kObjectsSize)})
    map(at, size, PROT_READ, MAP_SHARED, block.control, at);
  map(stub::kRing, stub::kRingSize, PROT_READ | PROT_WRITE, MAP_SHARED, block.ring, 0);
  for (const auto& [at, size] :
       {std::pair(stub::kCode, stub::kCodeSize), std::pair(stub::kScratch, stub::kScratchSize),
        std::pair(stub::kSignalStack, stub::kSignalStackSize), std::pair(stub::kStack, stub::kStackSize)})
    map(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  void* const code = reinterpret_cast<void*>(block.at + stub::kCode);
  std::memcpy(code, __start_heapglass_stub,
              static_cast<std::size_t>(__stop_heapglass_stub - __start_heapglass_stub));
  if (mprotect(code, stub::kCodeSize, PROT_READ | PROT_EXEC) != 0) _exit(stub::kExitNoBlock);
  const std::uint64_t enter = block.at + stub::kCode +
                              (reinterpret_cast<std::uint64_t>(&heapglass_stub_enter) -
                               reinterpret_cast<std::uint64_t>(__start_heapglass_stub));
  __asm__ volatile(
      "mov %0, %%rsp\n"
      "xor %%ebp, %%ebp\n"
      "call *%1\n"
      :
      : "r"(block.at + stub::kStack + stub::kStackSize - 64), "r"(enter), "D"(block.at)
      : "memory");
  __builtin_unreachable();
}

}  // namespace

unsigned write_filter(sock_filter* f, bool attached) {
  unsigned n = 0;
  auto load = [&](unsigned offset) { f[n++] = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset); };
  auto answer = [&](std::uint32_t what) { f[n++] = BPF_STMT(BPF_RET | BPF_K, what); };
  auto when = [&](std::uint32_t value, std::uint32_t what) {
    f[n++] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
    answer(what);
  };
  load(offsetof(seccomp_data, arch));
  f[n++] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
  answer(SECCOMP_RET_KILL_PROCESS);
  load(offsetof(seccomp_data, nr));
  when(SYS_exit_group, SECCOMP_RET_ALLOW);
  if (attached) {
    // brk: 0 is an address that the allocator takes for a refusal; an errno it would take for a huge heap.
    when(SYS_brk, SECCOMP_RET_ERRNO | 0);
    when(SYS_mremap, SECCOMP_RET_ERRNO | ENOMEM);
    when(SYS_mprotect, SECCOMP_RET_ERRNO | ENOMEM);
    when(SYS_munmap, SECCOMP_RET_ERRNO | 0);
    when(SYS_madvise, SECCOMP_RET_ERRNO | 0);
    f[n++] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 1, 0);
    answer(SECCOMP_RET_TRAP);
    load(offsetof(seccomp_data, args) + 8);
    f[n++] = BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 127);
    when(1 /* FUTEX_WAKE */, SECCOMP_RET_ERRNO | 0);
  }
  answer(SECCOMP_RET_TRAP);
  return n;
}

std::string describe_exit(int code) {
  switch (code) {
    case stub::kExitNoFilter:
      return "the kernel refuses the seccomp filter";
    case stub::kExitNoVdso:
      return "the kernel does not let the vdso be moved";
    case stub::kExitNoUser:
      return "its privileges cannot be dropped here";
    case stub::kExitNoBlock:
      return "its memory cannot be mapped";
    case stub::kExitNoRseq:
      return "the C library's restartable sequences cannot be ended";
  }
  return "it ended with exit code " + std::to_string(code);
}

StartedProcess start_copied_process(const CopiedProcessBlock& block) {
  const pid_t parent = getpid();
  StartedProcess child;
  // The plain call: the library's fork gives no descriptor. The child takes no lock of the library's, which
  // is what the library would have seen to.
  child.pid = static_cast<pid_t>(
      syscall(SYS_clone, SIGCHLD | 0x1000 /* CLONE_PIDFD */, nullptr, &child.descriptor, nullptr, nullptr));
  if (child.pid == 0) become_copied_process(block, parent);
  return child;
}

}  // namespace heapglass

#endif
