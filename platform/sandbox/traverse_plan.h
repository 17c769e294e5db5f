// What is mapped where in a child of the traverse sandbox.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lib/target/capture.h"
#include "platform/sandbox/traverse_sandbox_stub.h"

namespace heapglass {

struct TraversePlanOptions {
  // Of the thread that the child is.
  std::uint64_t thread_pointer = 0, stack_pointer = 0;
  int changed_pages = -1;  // descriptor of the bytes of all Backing::changed, one after the other
  bool writable =
      false;  // all that the target could write; else its libraries' data and the thread's storage
};

std::vector<stub::Map> plan_of_sandbox(std::span<const Backing> backing, const TraversePlanOptions& options);

}  // namespace heapglass
