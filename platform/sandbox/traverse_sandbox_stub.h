// What heapglass and the code it leaves running in a copied process agree on. See traverse_sandbox.h.
#pragma once

#include <linux/filter.h>

#include <cstdint>

namespace heapglass::stub {

// One aligned block of the address space, at a place that is free in both processes. All else of the child is
// the target's. What lies between the parts is not mapped.
constexpr std::uint64_t kBlock = 16 << 20;
constexpr std::uint64_t kControl = 0;            // read-only for the child
constexpr std::uint64_t kCode = 0x10000;         // the section heapglass_stub
constexpr std::uint64_t kScratch = 0x30000;      // private to the child
constexpr std::uint64_t kSignalStack = 0x50000;  // private to the child
constexpr std::uint64_t kStack = 0x100000;       // private to the child
constexpr std::uint64_t kPlan = 0x300000;        // read-only for the child
constexpr std::uint64_t kObjects = 0x600000;     // read-only for the child
constexpr std::uint64_t kRing = 0xa00000;        // written by the child: not to be trusted
constexpr std::uint64_t kStaging = 0xf80000;
constexpr std::uint64_t kControlSize = 0x10000, kCodeSize = 0x10000, kScratchSize = 0x1000,
                        kSignalStackSize = 0x10000, kStackSize = 0x100000, kPlanSize = 0x200000,
                        kObjectsSize = 0x200000;
constexpr std::uint64_t kObjectsWindow = kObjectsSize / 8;
constexpr std::uint64_t kRingWords = (4 << 20) / 8;
constexpr std::uint64_t kRingSize = 0x1000 + kRingWords * 8;

// Words of the ring: a referent as it is, or one of these in the upper bits.
constexpr std::uint64_t kTagShift = 60;
constexpr std::uint64_t kBegin = std::uint64_t{1} << kTagShift;  // | index of the object
constexpr std::uint64_t kEnd = std::uint64_t{2} << kTagShift;    // | signal that ended it, 0: none
constexpr std::uint64_t kAddressEnd = std::uint64_t{1} << 47;

struct Map {
  std::uint64_t address, size, offset;
  std::int32_t protection, flags, descriptor, unused;
};

struct Range {
  std::uint64_t start, end;
};

struct Control {
  // These change while the child runs.
  std::uint64_t available;  // objects handed out so far
  std::uint64_t taken;      // words of the ring that may be overwritten
  std::uint64_t finish;

  std::uint64_t first;  // index of the object to begin with
  std::uint64_t plan_count;
  std::uint64_t unmap_count;
  Range unmap[16];
  std::uint64_t vdso_count;
  struct {
    std::uint64_t from, to, size;
  } vdso[4];
  std::uint64_t descriptors;  // one past the highest that may be open
  // Offsets in the target's structs.
  std::uint32_t ob_type, tp_flags, tp_traverse, tp_is_gc;
  std::uint64_t have_gc;
  // Whose thread to be.
  std::uint64_t thread_count;  // the first is the one to fall back on
  std::uint64_t thread_pointer[512], stack_pointer[512];
  std::uint64_t can_set_thread_pointer;                                   // wrfsbase is there
  std::uint64_t this_thread_state, current_thread_state, restore_thread;  // functions; 0: do not attach
  std::uint64_t size_of;  // to call that in place of tp_traverse; 0: tp_traverse
  sock_fprog program;
  sock_filter filter[40];
};
static_assert(sizeof(Control) <= kControlSize);

// The first page of the ring.
struct RingHeader {
  std::uint64_t head;   // words written
  std::uint64_t stage;  // how far the child came: Stage
  std::uint64_t not_mapped;
};
enum Stage : std::uint64_t { kStarted = 1, kUnmapped, kMapped, kConfined, kAttached };
// Exit codes.
enum Exit : int {
  kExitFinished = 0,
  kExitNoFilter = 4,
  kExitNoVdso = 5,
  kExitSpoilt = 6,
  kExitNoUser = 8,
  kExitNoBlock = 9,
  kExitNoRseq = 10
};

}  // namespace heapglass::stub

// Bounds of the section, and where to enter it: with the block's address in rdi, on the stub's stack.
extern "C" {
// The linker's names. NOLINTNEXTLINE(bugprone-reserved-identifier)
extern char __start_heapglass_stub[] __attribute__((visibility("hidden")));
// NOLINTNEXTLINE(bugprone-reserved-identifier)
extern char __stop_heapglass_stub[] __attribute__((visibility("hidden")));
void heapglass_stub_enter(std::uint64_t block) __attribute__((visibility("hidden")));
}
