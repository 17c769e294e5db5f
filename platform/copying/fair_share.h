// Leaves processor time to others where a thread of ours comes before all ordinary ones.
#pragma once

#include <chrono>

#include "platform/process/process.h"

namespace heapglass {

// Of the calling thread. On a machine of two processors, both of which copy, everybody else would stand still
// for as long as the copy takes.
class FairShare {
 public:
  // `urgent`: never gives way.
  explicit FairShare(bool urgent);
  // To be called between pieces of work, of well under a millisecond each. Sleeps where the thread has run
  // for a slice and somebody waits for a processor.
  void give_way();

 private:
  bool somebody_waits() const;

  bool comes_first_;
  FileDescriptor load_;
  std::chrono::steady_clock::time_point since_;
};

}  // namespace heapglass
