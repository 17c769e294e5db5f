#include "lib/memory/memory_verdict.h"

#include <algorithm>
#include <string>

#include "lib/memory/memory_bill.h"

namespace heapglass {
namespace {

struct Share {
  MemoryBill::Verdict verdict;
  std::uint64_t bytes;
};

std::string percent(std::uint64_t part, std::uint64_t whole) {
  return std::to_string(whole ? (part * 100 + whole / 2) / whole : 0) + " %";
}

std::string largest_of(const MemoryBill& bill, MemoryKind kind) {
  for (const MemoryRow& row : bill.rows)
    if (row.kind == kind) return row.detail;
  return {};
}

std::string text_of(const MemoryBill& bill, const Share& share, const std::string& allocator) {
  const std::string part = percent(share.bytes, bill.sum);
  const std::uint64_t objects = bytes_of(bill, MemoryKind::kObjects),
                      buffers = bytes_of(bill, MemoryKind::kBuffers);
  switch (share.verdict) {
    case MemoryBill::Verdict::kLiveObjects:
      return "live objects: " + part + " is Python objects and their buffers, most of " +
             largest_of(bill, objects >= buffers ? MemoryKind::kObjects : MemoryKind::kBuffers) +
             "; the command retained tells what keeps them";
    case MemoryBill::Verdict::kFragmentation: {
      const bool malloc = bytes_of(bill, MemoryKind::kMallocFree) > bytes_of(bill, MemoryKind::kPymallocFree);
      return "fragmentation: " + part + " is free, but still with " +
             (malloc ? std::string("malloc; malloc_trim(0) would give back ") +
                           percent(bill.malloc_trim_bytes, bill.sum)
                     : std::string("pymalloc, which gives back an arena only when all of it is free"));
    }
    case MemoryBill::Verdict::kNative:
      if (!allocator.empty() && largest_of(bill, MemoryKind::kNative).starts_with(allocator))
        return "native memory, in use or free: " + part +
               " is no Python object that is known, and most of that " + allocator +
               "'s; from outside nobody can tell what of it C code uses and what " + allocator +
               " keeps free";
      return "native memory: " + part + " belongs to C code, " + largest_of(bill, MemoryKind::kNative) +
             " above all; no Python object that is known holds it";
    case MemoryBill::Verdict::kFiles:
      return "files: " + part + " is code, libraries and mapped files, which the system can take back";
    case MemoryBill::Verdict::kNoOne:
      break;
  }
  return {};
}

}  // namespace

void judge(MemoryBill& bill, const std::string& allocator) {
  const auto of = [&](MemoryKind kind) { return bytes_of(bill, kind); };
  const Share shares[] = {
      {MemoryBill::Verdict::kLiveObjects, of(MemoryKind::kObjects) + of(MemoryKind::kBuffers)},
      {MemoryBill::Verdict::kFragmentation, of(MemoryKind::kPymallocFree) + of(MemoryKind::kMallocFree)},
      {MemoryBill::Verdict::kNative,
       of(MemoryKind::kNative) + of(MemoryKind::kUnknown) + of(MemoryKind::kStacks)},
      {MemoryBill::Verdict::kFiles, of(MemoryKind::kCode) + of(MemoryKind::kFiles) + of(MemoryKind::kShared)},
  };
  const Share& most = *std::max_element(std::begin(shares), std::end(shares),
                                        [](const Share& a, const Share& b) { return a.bytes < b.bytes; });
  bill.verdict = most.verdict;
  bill.verdict_text = text_of(bill, most, allocator);
}

}  // namespace heapglass
