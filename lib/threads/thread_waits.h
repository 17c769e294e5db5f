// What threads wait for, who has it, and who waits for whom in a circle.
//
// That a thread waits for a lock the system knows: it stands in a futex call, whose address is the lock's
// own semaphore, or the semaphore of an entry of the parking lot that names the lock (Python/parking_lot.c;
// 3.13.1 on). Who has a lock an RLock tells, and of the others the frame that is in a `with` block of it,
// whose __exit__ is on its value stack. What is guessed says so.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/python/frame_contents.h"
#include "lib/target/image.h"
#include "lib/threads/python_threads.h"

namespace heapglass {

struct ThreadWait {
  enum class For {
    kNothing,
    kGil,
    kLock,    // to have it: `holders` do
    kNotice,  // to be told by somebody: a condition, event, queue, an empty SimpleQueue
    kThread,  // its end
  };
  For what = For::kNothing;
  Address object{};  // the lock, Condition, Event, Queue or Thread; null: none, or not known
  std::string text;  // "lock app.a", "an item of queue.Queue self.jobs", "thread worker to end"
  bool sure = true;  // that it waits for this
  std::vector<std::size_t> holders;  // indices of threads; empty: nobody, or not known
  bool holder_sure = true;           // false: they refer to the lock, which is all that is known
  std::size_t frame = 0;             // which frame of the thread is the first that is not the library's own
};

struct Deadlock {
  std::vector<std::size_t> threads;  // each waits for what the next one has, the last for what the first has
  bool sure = true;
};

struct ThreadWaits {
  std::vector<ThreadWait> waits;  // by thread
  std::vector<Deadlock> deadlocks;
};

ThreadWaits find_waits(TypeTable& types, const ObjectView& values, const std::vector<ThreadView>& threads,
                       const std::vector<PyInterpreter>& interpreters);

// Who waits for whom in a circle, by thread: those that it waits for.
std::vector<std::vector<std::size_t>> find_circles(const std::vector<std::vector<std::size_t>>& waits_for);

}  // namespace heapglass
