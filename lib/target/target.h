// What is looked at: something that has a CPython's memory in it, alive or kept in a file.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/address.h"
#include "lib/base/error.h"
#include "lib/target/binary.h"
#include "lib/target/capture.h"
#include "lib/target/capture_origin.h"
#include "lib/target/memory_reader.h"
#include "lib/target/safe_point.h"

namespace heapglass {

// What the kernel counts of a mapping that processes may share, in bytes.
struct SharedMapping {
  Address start{};
  std::uint64_t rss = 0, proportional = 0;
};

// What the kernel counts of a process, in bytes.
struct ResidentMemory {
  std::uint64_t rss = 0, peak = 0;                    // now, and the most that it ever was
  std::uint64_t anonymous = 0, file = 0, shared = 0;  // the parts of rss
  std::uint64_t swapped = 0;
  // Where it was asked for, else 0: rss with each page divided by the number of processes that map it (Pss),
  // and how much of rss other processes map too: files and libraries, and what a fork has shared.
  std::uint64_t proportional = 0, mapped_by_others = 0, anonymous_mapped_by_others = 0;
  std::vector<SharedMapping> shared_mappings;  // in order of address, where that was asked for
};

// The process has called execve since it was opened: it is to be looked at again.
class BecameAnotherProgram : public Error {
 public:
  explicit BecameAnotherProgram(std::int32_t pid)
      : Error(ErrorKind::kUnreachable,
              "process " + std::to_string(pid) + " became another program (execve) while it was looked at",
              "try again") {}
};

// Something about a target that is not so of a process that just runs.
struct TargetState {
  std::string name;  // "stopped", "frozen", "traced", "vforking", "main thread ended"
  std::string text;  // a sentence for people: "it is stopped by a signal"
};

class Target {
 public:
  virtual ~Target() = default;

  virtual std::string name() const = 0;  // "process 4711", "core file svc.core of process 4711"
  virtual std::int32_t pid() const = 0;  // as the system counted that it runs or ran on
  virtual CaptureOrigin origin() const { return {.pid = pid()}; }  // but for the time, which is the capture's
  virtual std::string command_line() const = 0;  // arguments joined by spaces; a core has the first 80 bytes
  virtual std::string executable() const = 0;    // as the target sees it
  virtual std::optional<std::uint64_t> resident_bytes() const = 0;
  // Of this moment, where that is known.
  virtual std::optional<ResidentMemory> resident_memory() const { return std::nullopt; }
  // Whether what is in it is the caller's own, so that its code may be run (in a copy) without being asked
  // for.
  virtual bool owned_by_caller() const = 0;
  // Whether another capture shows another moment.
  virtual bool runs() const = 0;
  // Of what does not run: seconds since 1970 of the moment that it shows, where that is known.
  virtual std::optional<std::int64_t> snapshot_time() const { return std::nullopt; }

  virtual const MemoryReader& memory() const = 0;
  // Programs and libraries, likeliest to be the interpreter first. Opened once.
  virtual Binaries binaries() = 0;
  // Everything of a capture that needs no stopped target; from any thread, before capture().
  virtual void prepare() = 0;
  // Takes the bytes, at a good moment where one comes; again for a later moment. Throws Error kUnreachable.
  virtual Capture capture(const SafePoint& safe_point) = 0;
  // Of the last capture: what the kernel tells of its state.
  virtual std::vector<TargetState> states() const { return {}; }
  // Files of the target's that became shorter while they were read: what it had of them is zeros here.
  virtual std::vector<std::string> shrunk_files() const { return {}; }
  // After something contradicted itself: throws Error kUnreachable where that is because the target is going
  // away.
  virtual void check() const = 0;
};

}  // namespace heapglass
