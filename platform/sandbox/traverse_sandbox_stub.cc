// The code that stays when a forked heapglass has unmapped itself and become a copy of the target. It is
// copied to another address, so it may use nothing outside its own section: no constants that a compiler puts
// elsewhere (strings, jump tables, arrays), no library, no thread-local storage. The flags of this file in
// CMakeLists.txt see to the rest, and a test disassembles it.
#include "platform/sandbox/traverse_sandbox_stub.h"

#if defined(__x86_64__)

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define STUB extern "C" __attribute__((noinline, used, visibility("hidden"), section("heapglass_stub")))
#define INLINE static inline __attribute__((always_inline))

namespace heapglass::stub {
namespace {

using u64 = std::uint64_t;

struct Scratch {
  u64 head;        // words written to the ring
  u64 room_until;  // as far as the parent was known to have taken
  u64 next;        // index of the object in hand or to come
  u64 in_object;
  u64 attached;  // faults before this are of the attaching
  int signal;
  void* jump[5];
};

// Layout of the kernel's struct, not the library's.
struct KernelSigaction {
  void* handler;
  u64 flags;
  void* restorer;
  u64 mask;
};

INLINE u64 block() {
  u64 here;
  __asm__("lea 0(%%rip), %0" : "=r"(here));
  return here & ~(kBlock - 1);
}
INLINE Control* control() { return reinterpret_cast<Control*>(block() + kControl); }
INLINE Scratch* scratch() { return reinterpret_cast<Scratch*>(block() + kScratch); }
INLINE RingHeader* ring() { return reinterpret_cast<RingHeader*>(block() + kRing); }

INLINE long call(long number, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0, u64 e = 0, u64 f = 0) {
  long result;
  register u64 r10 __asm__("r10") = d;
  register u64 r8 __asm__("r8") = e;
  register u64 r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}
INLINE void leave(int code) {
  while (true) call(SYS_exit_group, static_cast<u64>(code));
}
INLINE void set_thread_pointer(u64 v) { __asm__ volatile("wrfsbase %0" : : "r"(v)); }
INLINE u64 read_shared(const u64* p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
INLINE void publish(Scratch* s) { __atomic_store_n(&ring()->head, s->head, __ATOMIC_RELEASE); }
INLINE u64 word(u64 address, u64 offset) { return *reinterpret_cast<const u64*>(address + offset); }

}  // namespace

STUB void heapglass_stub_put(Scratch* s, u64 w) {
  while (s->head >= s->room_until) {
    publish(s);
    s->room_until = read_shared(&control()->taken) + kRingWords;
    if (s->head >= s->room_until) __asm__ volatile("pause");
  }
  reinterpret_cast<u64*>(block() + kRing + 0x1000)[s->head & (kRingWords - 1)] = w;
  ++s->head;
}

// What tp_traverse calls for each referent.
STUB int heapglass_stub_visit(void* object, void* s) {
  const u64 w = reinterpret_cast<u64>(object);
  heapglass_stub_put(static_cast<Scratch*>(s), w < kAddressEnd ? w : 0);
  return 0;
}

// Never returns: sigreturn is a system call. The kernel has switched to the signal stack, so that it works
// whatever the stack pointer was.
STUB void heapglass_stub_on_signal(int signal) {
  Scratch* s = scratch();
  s->signal = signal;
  __builtin_longjmp(s->jump, 1);
}

STUB void heapglass_stub_traverse(Scratch* s, u64 object) {
  if (object == 0) return;  // one that is not asked
  const Control* c = control();
  if (c->size_of) {
    // -1 is an error, and no size is as large as the end of the address space.
    heapglass_stub_visit(reinterpret_cast<void*>(reinterpret_cast<u64 (*)(u64)>(c->size_of)(object)), s);
    return;
  }
  const u64 type = word(object, c->ob_type);
  if (!(word(type, c->tp_flags) & c->have_gc)) return;
  if (const u64 is_gc = word(type, c->tp_is_gc)) {
    if (!reinterpret_cast<int (*)(u64)>(is_gc)(object)) return;
  }
  if (const u64 traverse = word(type, c->tp_traverse))
    reinterpret_cast<int (*)(u64, int (*)(void*, void*), void*)>(traverse)(object, heapglass_stub_visit, s);
}

STUB void heapglass_stub_loop() {
  // Nothing is kept in registers across the jump: all state is read from where it lies.
  while (true) {
    {
      Scratch* s = scratch();
      while (s->next == read_shared(&control()->available)) {
        if (read_shared(&control()->finish)) leave(kExitFinished);
        __asm__ volatile("pause");
      }
      heapglass_stub_put(s, kBegin | s->next);
      publish(s);
      s->in_object = 1;
    }
    if (__builtin_setjmp(scratch()->jump) == 0) {
      Scratch* s = scratch();
      heapglass_stub_traverse(s, reinterpret_cast<const u64*>(block() + kObjects)[s->next % kObjectsWindow]);
      s->in_object = 0;
      heapglass_stub_put(s, kEnd);
      ++s->next;
      publish(s);
    } else if (Scratch* s = scratch(); s->in_object) {
      s->in_object = 0;
      heapglass_stub_put(s, kEnd | static_cast<u64>(s->signal));
      ++s->next;
      publish(s);
      if (control()->size_of) leave(kExitSpoilt);
    }  // else an alarm that came too late for its object
  }
}

// Becomes the thread that holds the interpreter's lock. Where nobody does, takes it as the first thread
// would.
STUB u64 heapglass_stub_attach() {
  const Control* c = control();
  const auto own = reinterpret_cast<u64 (*)()>(c->this_thread_state);
  const auto current = reinterpret_cast<u64 (*)()>(c->current_thread_state);
  for (u64 i = 0; i < c->thread_count && c->can_set_thread_pointer; ++i) {
    set_thread_pointer(c->thread_pointer[i]);
    const u64 state = current();
    if (state && state == own()) return c->stack_pointer[i];
  }
  if (c->can_set_thread_pointer) set_thread_pointer(c->thread_pointer[0]);
  if (const u64 state = own()) reinterpret_cast<void (*)(u64)>(c->restore_thread)(state);
  return c->stack_pointer[0];
}

STUB void heapglass_stub_run() {
  if (control()->this_thread_state == 0) heapglass_stub_loop();
  volatile u64 stack = 0;  // read again after the jump
  // A lock that nobody will give up any more ends the attaching with a signal: then without.
  if (__builtin_setjmp(scratch()->jump) == 0) stack = heapglass_stub_attach();
  ring()->stage = kAttached;
  // On that thread's own stack, below what it uses: some code compares the stack pointer with the thread's
  // limits.
  if (stack) {
    __asm__ volatile(
        "mov %0, %%rsp\n"
        "xor %%ebp, %%ebp\n"
        "call heapglass_stub_loop\n"
        :
        : "r"((u64{stack} - 65536) & ~u64{63})
        : "memory");
  }
  heapglass_stub_loop();
}

STUB void heapglass_stub_enter(u64 at) {
  const Control* c = reinterpret_cast<const Control*>(at + kControl);
  RingHeader* r = ring();
  r->stage = kStarted;
  call(SYS_arch_prctl, 0x5002 /* ARCH_SHSTK_DISABLE */, 1);  // fails where there is no shadow stack to lose
  for (u64 i = 0; i < c->unmap_count; ++i)
    call(SYS_munmap, c->unmap[i].start, c->unmap[i].end - c->unmap[i].start);
  // By way of a place that is surely free: the old and the new may overlap.
  u64 staging = at + kStaging;
  for (u64 i = 0; i < c->vdso_count; ++i) {
    if (call(SYS_mremap, c->vdso[i].from, c->vdso[i].size, c->vdso[i].size, MREMAP_MAYMOVE | MREMAP_FIXED,
             staging) < 0)
      leave(kExitNoVdso);
    staging += c->vdso[i].size;
  }
  staging = at + kStaging;
  for (u64 i = 0; i < c->vdso_count; ++i) {
    call(SYS_mremap, staging, c->vdso[i].size, c->vdso[i].size, MREMAP_MAYMOVE | MREMAP_FIXED, c->vdso[i].to);
    staging += c->vdso[i].size;
  }
  r->stage = kUnmapped;
  const Map* plan = reinterpret_cast<const Map*>(at + kPlan);
  for (u64 i = 0; i < c->plan_count; ++i) {
    const long got = call(SYS_mmap, plan[i].address, plan[i].size, static_cast<u64>(plan[i].protection),
                          static_cast<u64>(plan[i].flags),
                          static_cast<u64>(static_cast<long>(plan[i].descriptor)), plan[i].offset);
    if (got != static_cast<long>(plan[i].address)) ++r->not_mapped;  // what needs it faults
  }
  r->stage = kMapped;
  if (call(436 /* close_range */, 0, ~0u) < 0)
    for (u64 i = 0; i < c->descriptors; ++i) call(SYS_close, i);
  u64 stack[3] = {at + kSignalStack, 0, kSignalStackSize};
  call(SYS_sigaltstack, reinterpret_cast<u64>(stack));
  for (int i = 1; i < 64; ++i) {
    const u64 ours = 1u << SIGSEGV | 1u << SIGBUS | 1u << SIGILL | 1u << SIGFPE | 1u << SIGSYS |
                     1u << SIGALRM | 1u << SIGTRAP | 1u << SIGABRT;
    KernelSigaction action;
    const bool handled = i < 32 && ours >> i & 1;
    action.handler = handled ? reinterpret_cast<void*>(heapglass_stub_on_signal) : nullptr;
    action.flags = handled ? 0x04000000 /* SA_RESTORER */ | SA_ONSTACK | SA_NODEFER : 0;
    action.restorer = action.handler;
    action.mask = 0;
    call(SYS_rt_sigaction, static_cast<u64>(i), reinterpret_cast<u64>(&action), 0, 8);
  }
  u64 none = 0;
  call(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<u64>(&none), 0, 8);
  call(SYS_arch_prctl, 0x1002 /* ARCH_SET_FS */, c->thread_pointer[0]);
  if (call(SYS_seccomp, 1 /* SECCOMP_SET_MODE_FILTER */, 0, reinterpret_cast<u64>(&c->program)) != 0)
    leave(kExitNoFilter);
  r->stage = kConfined;
  Scratch* s = scratch();
  s->head = 0;
  s->room_until = kRingWords;
  s->next = c->first;
  s->in_object = 0;
  heapglass_stub_run();
  leave(kExitFinished);
}

}  // namespace heapglass::stub

#endif
