// What threads, locks and tasks are told from, for a snapshot without values.
#pragma once

#include <memory>
#include <unordered_set>

#include "lib/heap/heap.h"
#include "lib/snapshot/read_recorder.h"

namespace heapglass {

// Reads which threads and tasks there are, and what each task awaits; texts and numbers with it, which the
// caller has to make forgotten.
void record_tasks(const Heap& heap);

// Reads what threads wait for and who has that: of C stacks, which may have pieces of values, and of locks
// only the words that lead there.
void record_locks(const Heap& heap, const ReadRecorder& touched);

// The ints that are the number of a thread: no values, for the file tells those numbers of each thread.
class ThreadNumbers {
 public:
  explicit ThreadNumbers(const Heap& heap);
  // Notes nothing.
  bool contains(Address object, const TypeInfo& type) const;

 private:
  const std::shared_ptr<Image> image_;
  const Objects objects_;
  std::unordered_set<std::uint64_t> numbers_;
};

}  // namespace heapglass
