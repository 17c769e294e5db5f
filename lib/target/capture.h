// What taking the bytes of a target gives.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/address.h"
#include "lib/base/caveat.h"
#include "lib/target/image.h"
#include "lib/target/mappings.h"
#include "lib/target/residency.h"

namespace heapglass {

struct ThreadRegisters {
  std::int32_t tid = 0;  // as this system counts, not the target's pid namespace
  char state = '?';      // of /proc/PID/task/TID/stat before the stop: R, S, D, T ...
  Address stack_pointer{};
  Address instruction_pointer{};
  Address thread_pointer{};  // fs base on x86-64, tpidr_el0 on aarch64: pthread_t on glibc
  std::string system_call;   // in which it stands, "futex", "read"; empty: in none, or not known
  Address futex{};           // what it waits on there; null: on none, or not known
  std::array<std::uint64_t, 32> general{};  // registers that may hold an object's address; 0 where not known
  std::int32_t own_tid = 0;                 // as the target's pid namespace counts; 0: not known
  std::string name;                         // that the kernel has for it; empty: not known
};

// A mapping of the target and where its bytes can be mapped from again: a file of the target's, or the
// capture's own copy, which is sealed.
struct Backing {
  Address start{};
  std::uint64_t size = 0;
  bool writable = false;  // as the target had it
  bool executable = false;
  bool file = false;         // a view of a file, not anonymous memory
  int descriptor = -1;       // valid as long as the image lives; -1: cannot be mapped again. Of what is no
                             // file: has its bytes once Capture::fill_descriptors was called
  std::uint64_t offset = 0;  // in the descriptor
  // Pages that are the target's own though the rest is the file's (relocated data, patched text): their bytes
  // are in the image.
  struct Changed {
    Address start{};
    std::uint64_t size = 0;
  };
  std::vector<Changed> changed;
};

struct Capture {
  std::shared_ptr<Image> image;
  Mappings mappings;             // as they were in the stop
  std::vector<Backing> backing;  // in order of address
  // Before one of its descriptors is mapped, from one thread. Others may read the image meanwhile. Empty:
  // they have their bytes. Throws Error kUnreachable where there is no memory for it.
  std::function<void()> fill_descriptors;
  std::vector<ThreadRegisters> threads;
  std::optional<Residency> residency;   // where it was asked for, and can be told
  std::string freeze;                   // "copy"; "core" where nothing had to be held
  std::optional<std::int64_t> time_ms;  // of the memory's moment, milliseconds since 1970; nullopt: not known
  double pause_ms = 0;                  // from the first thread asked to stop until the last was let go
  double prepare_ms = 0;
  std::uint64_t bytes_copied = 0;
  unsigned looks = 1;           // how often it was held to see whether the moment was good
  bool no_safe_point = false;   // none came: it was taken at a bad one
  bool was_stopped = false;     // by job control, and is so again
  std::vector<Caveat> caveats;  // what of the target's memory is not there
};

}  // namespace heapglass
