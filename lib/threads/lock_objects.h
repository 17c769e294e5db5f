// The locks of the interpreter: which one a thread stands at in the kernel, and what they tell of themselves.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/threads/python_threads.h"

namespace heapglass {

// How much of a stack, from where the thread stands in the kernel, is looked through: from a semaphore's wait
// up to the function that waits on the lock it is a few hundred bytes.
constexpr std::uint64_t kNearStack = 16 << 10;

// A kind of object that threads wait on in C code.
struct LockKind {
  enum class What { kLock, kRLock, kSimpleQueue, kThreadHandle };
  What what = What::kLock;
  Address type{};
  std::int32_t semaphore = kAbsent;  // field: pointer to the semaphore that it waits on
  std::int32_t parked = kAbsent;     // field: its address is what the thread is parked on
  std::int32_t owner = kAbsent;      // field: thread_id of who has it
  std::int32_t locked = kAbsent;     // field: a byte, its lowest bit is set while somebody has it
};

class LockObjects {
 public:
  LockObjects(const ObjectView& values, const Objects& objects,
              const std::vector<PyInterpreter>& interpreters);

  // The kind of this object; nullptr: it is none of them.
  const LockKind* kind_of(Address object) const;
  bool has_kind(Address type) const;  // are the type's objects of one?
  // What the thread is made to wait on, by its registers and its C stack; null: nothing of ours.
  Address waited_for(const ThreadRegisters& registers) const;
  // The object that a thread is parked on: `state` of the ThreadHandle of threading.Thread._handle, 3.13+.
  bool is_parked_on_end(const ThreadRegisters& registers, Address handle_object) const;
  // Where a ThreadHandle object has the address of that; null: it is none.
  Address handle_field(Address handle_object) const;
  // thread_id of who has it; 0: nobody, or this kind does not tell.
  std::uint64_t owner(Address lock) const;
  // Has somebody got it? nullopt: not told.
  std::optional<bool> is_locked(Address lock) const;

 private:
  void add(LockKind::What what, Address type, std::string_view structure);
  Address parked_address(const ThreadRegisters& registers) const;

  const Objects& o_;
  std::vector<LockKind> kinds_;
  std::int32_t handle_ = kAbsent, handle_exiting_ = kAbsent;
};

}  // namespace heapglass
