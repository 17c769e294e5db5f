#include "platform/injection/injected_calls.h"

#include <elf.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "platform/process/cgroups.h"
#include "platform/process/page_map.h"
#include "platform/process/system_calls.h"
#include "platform/stopping/signal_frame.h"
#include "platform/stopping/trace.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace heapglass {

#if defined(__x86_64__)
namespace {

constexpr std::chrono::milliseconds kLastWait{500};
constexpr std::uint64_t kRedZone = 128;  // below the stack pointer, of whoever runs (System V ABI)
constexpr std::uint64_t kFloatingAlign = 64;
constexpr std::uint64_t kMostFloating = 16 << 10;  // bytes of floating point registers

// include/linux/errno.h: what a call that a stop has interrupted left for the kernel to do.
constexpr long long kRestartSys = -512, kRestartNoIntr = -513, kRestartNoHand = -514, kRestartBlock = -516;

// What the kernel keeps in the unused bytes of the registers' legacy area (struct _fpx_sw_bytes).
struct FloatingNote {
  std::uint32_t magic1, extended_size;
  std::uint64_t xfeatures;
  std::uint32_t xstate_size, padding[7];
};
constexpr std::size_t kNoteAt = 464, kFeaturesAt = 512;
constexpr std::uint32_t kMagic1 = 0x46505853, kMagic2 = 0x46505845;
constexpr std::uint64_t kFloatingAt = (sizeof(SignalFrame) + 63) / 64 * 64;

// As the kernel would: a call that is to begin anew has its number back in rax and stands at its instruction.
user_regs_struct coming_back(user_regs_struct regs) {
  if (static_cast<long long>(regs.orig_rax) < 0) return regs;
  switch (static_cast<long long>(regs.rax)) {
    case kRestartSys:
    case kRestartNoIntr:
    case kRestartNoHand:
      regs.rax = regs.orig_rax;
      regs.rip -= 2;
      break;
    case kRestartBlock:  // which rt_sigreturn makes an EINTR
      regs.rax = SYS_restart_syscall;
      regs.rip -= 2;
  }
  return regs;
}

// The registers as a signal frame has them. Of a processor with tile registers a thread that has not asked
// for them has none, and the kernel takes no frame that is longer than what the thread has.
bool make_floating_frame(std::vector<std::byte>& floating) {
  if (floating.size() < kFeaturesAt + 64 || floating.size() > kMostFloating) return false;
  std::uint64_t all = 0, used = 0;
  std::memcpy(&all, floating.data() + kNoteAt, sizeof all);  // user_xstate_fx_sw_bytes: XCR0
  std::memcpy(&used, floating.data() + kFeaturesAt, sizeof used);
  constexpr unsigned kTiles = 18;
  if (all >> kTiles & 1) {
    if (used >> kTiles & 1) return false;
    unsigned size = 0, offset = 0, c = 0, d = 0;
    if (!__get_cpuid_count(0xd, kTiles, &size, &offset, &c, &d) || offset > floating.size()) return false;
    floating.resize(offset);
    all &= ~(std::uint64_t{1} << kTiles);
  }
  const auto size = static_cast<std::uint32_t>(floating.size());
  const FloatingNote note{kMagic1, size + 4, all, size, {}};
  std::memcpy(floating.data() + kNoteAt, &note, sizeof note);
  const auto* magic2 = reinterpret_cast<const std::byte*>(&kMagic2);
  floating.insert(floating.end(), magic2, magic2 + sizeof kMagic2);
  return true;
}

// Linux 5.13: where the C library keeps what a restartable sequence is (include/uapi/linux/rseq.h).
bool in_restartable_sequence(const Process& process, pid_t tid) {
  struct {
    std::uint64_t area;
    std::uint32_t size, signature, flags, padding;
  } rseq{};
  constexpr int kGetRseqConfiguration = 0x420f;
  if (trace(kGetRseqConfiguration, tid, reinterpret_cast<void*>(sizeof rseq), &rseq) != sizeof rseq ||
      !rseq.area)
    return false;
  std::uint64_t sequence = 0;
  return !process.read(Address{rseq.area + 8}, std::as_writable_bytes(std::span(&sequence, 1))) ||
         sequence != 0;
}

// [from, stack pointer) is of a stack: the kernel's, or one that a C library made with a guard below it. Not
// one that lies in the midst of other memory.
bool room_on_stack(const Mappings& mappings, std::uint64_t from, std::uint64_t stack_pointer) {
  const Mapping* m = find_mapping(mappings, Address{stack_pointer});
  if (!m || !m->readable || !m->writable || m->shared || m->has_file() || from < value(m->start) + kPage)
    return false;
  if (m->path == "[stack]") return true;
  if (m == mappings.data()) return false;
  const Mapping& below = *(m - 1);
  return below.end == m->start && !below.readable && !below.writable && !below.executable;
}

// The lower the better; nothing where the thread will not do.
std::optional<int> inconvenience(const Process& process, const PageMap& pages, const Mappings& mappings,
                                 pid_t tid, std::string& why_not) {
  user_regs_struct regs{};
  if (!get_registers(tid, regs)) {
    why_not = "its registers cannot be read";
    return std::nullopt;
  }
  if (regs.cs != kUserCode64) {
    why_not = "it is a 32-bit program";
    return std::nullopt;
  }
  const std::uint64_t from = regs.rsp - kRedZone - kFloatingAt - 4096;
  if (!room_on_stack(mappings, from, regs.rsp)) {
    why_not = "there is no stack below which there is room for certain";
    return std::nullopt;
  }
  const bool in_call = static_cast<long long>(regs.orig_rax) >= 0;
  if (!in_call && in_restartable_sequence(process, tid)) {
    why_not = "it is in a restartable sequence";
    return std::nullopt;
  }
  int points = 0;
  const auto result = static_cast<long long>(regs.rax);
  if (in_call && result == kRestartBlock) {
    points = 2;
  } else if (in_call && result <= kRestartSys && result > kRestartBlock) {
    points = 1;
  }
  bool all_there = static_cast<bool>(pages);
  pages.each({from / kPage * kPage, regs.rsp / kPage * kPage + kPage},
             [&](std::uint64_t, std::uint64_t entry) { all_there &= PageMap::is_private_copy(entry); });
  return points + (all_there ? 0 : 4);
}

}  // namespace

pid_t choose_thread(const Process& process, const std::vector<pid_t>& held, std::string& why_not) {
  const Mappings mappings = process.mappings();
  const PageMap pages(process.pid());
  pid_t best = 0;
  int least = 0;
  why_not = "no thread of it came to a stop";
  for (const pid_t tid : held) {
    const std::optional<int> points = inconvenience(process, pages, mappings, tid, why_not);
    if (!points || (best && *points >= least)) continue;
    best = tid;
    least = *points;
    if (least <= 1) break;
  }
  return best;
}

InjectedCalls::InjectedCalls(const Process& process, const SyscallGadgets& sites, pid_t tid)
    : process_(process), sites_(sites), tid_(tid) {
  floating_.resize(kMostFloating);
  iovec io{floating_.data(), floating_.size()};
  if (!get_registers(tid, registers_) || registers_.cs != kUserCode64 ||
      trace(PTRACE_GETSIGMASK, tid, reinterpret_cast<void*>(sizeof mask_), &mask_) != 0 ||
      trace(PTRACE_GETREGSET, tid, reinterpret_cast<void*>(NT_X86_XSTATE), &io) != 0)
    throw CannotInject("its registers cannot be read");
  floating_.resize(io.iov_len);
  if (!make_floating_frame(floating_)) throw CannotInject("its floating point registers are of another kind");
  if (!still_there(process, sites)) throw CannotInject("it has become another program meanwhile");
  write_sigframes();
}

InjectedCalls::~InjectedCalls() { restore(); }

void InjectedCalls::write_sigframes() {
  const std::uint64_t size = kFloatingAt + floating_.size();
  base_ = (registers_.rsp - kRedZone - size) / kFloatingAlign * kFloatingAlign;
  before_.resize(size);
  std::vector<std::byte> bytes(size);
  const SignalFrame back = frame_of(coming_back(registers_), mask_, sites_.sigreturn, base_ + kFloatingAt);
  std::memcpy(bytes.data(), &back, sizeof back);
  std::memcpy(bytes.data() + kFloatingAt, floating_.data(), floating_.size());
  if (!process_.read(Address{base_}, before_) || !write_to(process_.pid(), base_, bytes))
    throw CannotInject("its stack cannot be written");
}

// It got no processor, or a control group that was frozen meanwhile keeps it from running: brought back to
// where it was held, in which a frozen one of version 2 obeys.
void InjectedCalls::give_up_wait() {
  int signal = 0;
  trace(PTRACE_INTERRUPT, tid_, nullptr, nullptr);
  lost_ = wait_for_stop(tid_, signal, kLastWait) == TracedStop::kLate;
  const auto group = frozen_group(process_.pid());
  throw CannotInject(group ? tell(*group)
                           : "its thread " + std::to_string(tid_) + " did not come to its next stop in time");
}

TracedStop InjectedCalls::next_stop() {
  int signal = 0;
  const TracedStop stop = wait_for_stop(tid_, signal);
  if (stop == TracedStop::kLate) give_up_wait();
  if (stop == TracedStop::kEnded) {
    gone_ = true;
    throw CannotInject("its thread " + std::to_string(tid_) + " ended meanwhile");
  }
  if (stop != TracedStop::kSignal) return stop;
  if (signal != SIGSTOP) throw CannotInject("its thread got signal " + std::to_string(signal));
  // The one signal that can come although all are blocked. It takes effect as it would have: the process
  // counts as stopped, and the thread that we hold goes on all the same when we say so.
  trace(PTRACE_CONT, tid_, nullptr, reinterpret_cast<void*>(static_cast<long>(signal)));
  return next_stop();
}

void InjectedCalls::begin(long number, const std::array<std::uint64_t, 6>& arguments) {
  user_regs_struct r = registers_;
  r.rax = static_cast<unsigned long long>(number);
  r.orig_rax = ~0ull;  // or the kernel might have a call begin anew
  r.rdi = arguments[0], r.rsi = arguments[1], r.rdx = arguments[2];
  r.r10 = arguments[3], r.r8 = arguments[4], r.r9 = arguments[5];
  r.rip = sites_.system_call;
  r.rsp = base_;
  // In this order: from the moment that it has these registers it would come back by itself, with the mask
  // that it had.
  if (!set_registers(tid_, r)) throw CannotInject("its registers cannot be set");
  changed_ = true;
  const std::uint64_t all = kAllSignals;
  trace(PTRACE_SETSIGMASK, tid_, reinterpret_cast<void*>(sizeof all), const_cast<std::uint64_t*>(&all));
  go_on_to_call();
}

void InjectedCalls::go_on_to_call() {
  do {
    trace(PTRACE_SYSCALL, tid_, nullptr, nullptr);
  } while (next_stop() != TracedStop::kSystemCall);
}

// Held as it was before, which is where the kernel looks after calls that it has to begin anew.
void InjectedCalls::wait_until_held() {
  trace(PTRACE_INTERRUPT, tid_, nullptr, nullptr);
  do {
    trace(PTRACE_CONT, tid_, nullptr, nullptr);
  } while (next_stop() != TracedStop::kHeld);
}

long InjectedCalls::call(long number, const std::array<std::uint64_t, 6>& arguments) {
  trace(PTRACE_SETOPTIONS, tid_, nullptr, reinterpret_cast<void*>(PTRACE_O_TRACESYSGOOD));
  begin(number, arguments);
  // Not by way of the stop at the call's end: the fewer stops, the less often it has to wait for a processor.
  wait_until_held();
  user_regs_struct regs{};
  if (!get_registers(tid_, regs)) throw CannotInject("its registers cannot be read");
  return static_cast<long>(regs.rax);
}

long InjectedCalls::make_stopped_thread(std::uint64_t stack) {
  // Here and only here: a child that the process makes of its own accord must never find itself traced.
  trace(PTRACE_SETOPTIONS, tid_, nullptr,
        reinterpret_cast<void*>(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
                                PTRACE_O_TRACEVFORK));
  begin(SYS_clone, {CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, stack,
                    0, 0, 0, 0});
  TracedStop stop;
  do {
    trace(PTRACE_SYSCALL, tid_, nullptr, nullptr);
    stop = next_stop();
  } while (stop == TracedStop::kHeld);
  long result = 0;
  if (stop == TracedStop::kChild) {
    result = made_child(tid_);
  } else {
    user_regs_struct regs{};
    result = get_registers(tid_, regs) ? static_cast<long>(regs.rax) : -EIO;
  }
  wait_until_held();
  return result;
}

void InjectedCalls::restore() {
  // A thread that comes to no stop has its frame: it comes back by itself when it runs again.
  if (gone_ || lost_) return;
  if (changed_) {
    // In this order, for the same reason.
    trace(PTRACE_SETSIGMASK, tid_, reinterpret_cast<void*>(sizeof mask_), &mask_);
    set_registers(tid_, registers_);
  }
  write_to(process_.pid(), base_, before_);
  trace(PTRACE_SETOPTIONS, tid_, nullptr, nullptr);
}
#else
pid_t choose_thread(const Process&, const std::vector<pid_t>&, std::string& why_not) {
  why_not = "this is done on x86-64 only";
  return 0;
}
InjectedCalls::InjectedCalls(const Process& process, const SyscallGadgets& sites, pid_t tid)
    : process_(process), sites_(sites), tid_(tid) {
  throw CannotInject("this is done on x86-64 only");
}
InjectedCalls::~InjectedCalls() = default;
long InjectedCalls::call(long, const std::array<std::uint64_t, 6>&) { return -ENOSYS; }
long InjectedCalls::make_stopped_thread(std::uint64_t) { return -ENOSYS; }
#endif

}  // namespace heapglass
