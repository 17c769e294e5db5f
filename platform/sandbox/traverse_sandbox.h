// A disposable process of ours whose address space is the captured one: the same bytes at the same addresses,
// text from the same files. In it the target's own code tells what an object refers to. It can do nothing
// else: no system call but its own end, no descriptor, no privilege, a read-only heap; what it writes is
// checked word by word. x86-64 only.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "lib/target/capture.h"
#include "lib/target/traverse_stats.h"

namespace heapglass {

// Where the running code finds an object's tp_traverse, and how to be a thread of the interpreter's.
struct TraverseOffsets {
  std::uint32_t ob_type = 0, tp_flags = 0, tp_traverse = 0, tp_is_gc = 0;
  std::uint64_t have_gc = 0;  // the flag that says that tp_traverse may be called
  // Functions of the target: (void) -> own thread state, (void) -> the one that holds the lock or NULL,
  // (state) -> takes the lock. Null: faults are not tried again as such a thread.
  Address this_thread_state{}, current_thread_state{}, restore_thread{};
  Address size_of{};  // (object) -> bytes: sys.getsizeof. Null: sizes() tells none.
};

struct TraverseLimits {
  std::chrono::milliseconds an_object{1000};
  std::chrono::milliseconds in_all{20'000};  // over the life of the TraverseSandbox
  unsigned children = 1000;                  // each replaces one that died
};

class TraverseSandbox {
 public:
  enum class Status {
    kDone,
    kFaulted,   // its tp_traverse read or wrote what it may not, or asked the system for something
    kTimedOut,  // it did not come to an end, or visited more than there can be
    kKilled,    // it took the process with it, or broke the record
    kNotAsked,  // no time was left
  };
  using Take = std::function<void(std::size_t index, Status status, std::span<const Address> referents)>;

  // Starts nothing yet. Throws Error kUnreachable where this machine or this capture cannot be run. `capture`
  // is borrowed.
  TraverseSandbox(const Capture& capture, std::int32_t main_thread, const TraverseOffsets& offsets,
                  const TraverseLimits& limits = {});
  ~TraverseSandbox();
  TraverseSandbox(const TraverseSandbox&) = delete;
  TraverseSandbox& operator=(const TraverseSandbox&) = delete;

  // Calls tp_is_gc and tp_traverse of each object in turn, and `take` once for each: those that faulted last,
  // after a second try. The objects have to be objects: what is none may answer all the same. From one
  // thread, while no other thread of ours holds a lock that a fork would leave locked. Throws Error
  // kUnreachable where no child can be set up.
  void run(std::span<const Address> objects, const Take& take);

  // Calls size_of, as a thread of the interpreter that can write its copy of the heap; `take` for those that
  // answer. A child that met a fault is replaced: it may have left a lock taken. Throws as run() does.
  using TakeSize = std::function<void(std::size_t index, std::uint64_t bytes)>;
  void sizes(std::span<const Address> objects, const TakeSize& take);

  const TraverseStats& stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace heapglass
