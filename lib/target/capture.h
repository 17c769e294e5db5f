// What taking the bytes of a target gives.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/address.h"
#include "lib/target/image.h"
#include "lib/target/mappings.h"

namespace heapglass {

struct ThreadRegisters {
  std::int32_t tid = 0;           // as this system counts, not the target's pid namespace
  char state = '?';               // of /proc/PID/task/TID/stat before the stop: R, S, D, T ...
  Address stack_pointer{};
  Address instruction_pointer{};
  Address thread_pointer{};       // fs base on x86-64, tpidr_el0 on aarch64: pthread_t on glibc
};

struct Capture {
  std::shared_ptr<Image> image;
  Mappings mappings;              // as they were in the stop
  std::vector<ThreadRegisters> threads;
  std::string freeze;             // "copy"
  double pause_ms = 0;            // from the first thread asked to stop until the last was let go
  double prepare_ms = 0;
  std::uint64_t bytes_copied = 0;
  bool was_stopped = false;       // by job control, and is so again
};

}  // namespace heapglass
