// What of a capture is compared with another: plain values, so that the target and its copy may be
// gone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/caveat.h"
#include "lib/compare/histogram.h"
#include "lib/compare/identities.h"
#include "lib/heap/heap.h"
#include "lib/heap/owners.h"
#include "lib/memory/memory_bill.h"

namespace heapglass {

struct HeapSummaryOptions {
  bool owners = true;      // whose each object is
  bool retained = true;    // with owners: retained sizes by type
  bool identities = true;  // which object is which
  bool needs_references() const { return owners || identities; }
};

struct HeapSummary {
  std::string target, python, command_line;
  std::int32_t pid = 0;
  CaptureOrigin origin;
  std::int64_t time = 0;  // seconds since 1970
  std::uint64_t objects = 0, bytes = 0;
  std::vector<TypeCount> types;         // by name
  std::vector<std::uint64_t> retained;  // by row of types, where asked for
  std::vector<OwnerCount> owners;       // by path, where asked for
  Identities identities;                // where asked for; their owners are rows of `owners`
  std::optional<ResidentMemory> resident;
  std::optional<MemoryBill> bill;  // where who asks has it made: summarize() does not
  std::string why_no_bill;
  double pause_ms = 0;
  bool runs = false;
  std::vector<Caveat> caveats;

  const TypeCount* type(std::string_view name) const;  // by its whole name
};

// The heap has references where the options need them: HeapSummaryOptions::needs_references().
HeapSummary summarize(const Heap& heap, const HeapSummaryOptions& options);

// Bytes of a type, those included that sys.getsizeof says nothing of.
inline std::uint64_t all_bytes(const TypeCount& row) { return row.bytes + row.unreported_bytes; }

}  // namespace heapglass
