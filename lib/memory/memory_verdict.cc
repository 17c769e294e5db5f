#include "lib/memory/memory_verdict.h"

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>

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

const MemoryRow* largest_of(const MemoryBill& bill, std::initializer_list<MemoryKind> kinds) {
  const MemoryRow* largest = nullptr;
  for (const MemoryRow& row : bill.rows)
    if (std::find(kinds.begin(), kinds.end(), row.kind) != kinds.end() &&
        (!largest || row.bytes > largest->bytes))
      largest = &row;
  return largest;
}

// What gives back memory of a library's own pool, by the beginning of its file's name.
struct PoolCure {
  const char* file;
  const char* text;
};
constexpr PoolCure kPoolCures[] = {
    {"libarrow",
     "pyarrow.default_memory_pool().release_unused() gives back what of it is free, and with "
     "ARROW_DEFAULT_MEMORY_POOL=system Arrow takes malloc"},
    {"lib.cpython", "pyarrow.default_memory_pool().release_unused() gives back what of it is free"},
    {"_duckdb", "SET memory_limit bounds it"},
};

std::string of_pool(const MemoryBill& bill, const MemoryRow& row, const std::string& library) {
  std::string text = "native memory: " + percent(row.bytes, bill.sum) + " (" + in_megabytes(row.bytes) +
                     ") is mapped by " + library +
                     " for a pool of its own; from outside nobody can tell what of it is in use and what is "
                     "kept free";
  for (const PoolCure& cure : kPoolCures)
    if (library.starts_with(cure.file)) return text + "; " + cure.text;
  return text;
}

std::string of_native(const MemoryBill& bill, const std::string& part, const std::string& allocator) {
  const MemoryRow* const row =
      largest_of(bill, {MemoryKind::kNative, MemoryKind::kUnknown, MemoryKind::kStacks});
  const std::string what = row ? row->detail : "";
  if (!allocator.empty() && what.starts_with(allocator))
    return "native memory, in use or free: " + part +
           " is no Python object that is known, and most of that " + allocator +
           "'s; from outside nobody can tell what of it C code uses and what " + allocator + " keeps free";
  if (what.ends_with(kOwnPool))
    return of_pool(bill, *row, what.substr(0, what.size() - std::string_view(kOwnPool).size()));
  if (row && row->kind == MemoryKind::kStacks) {
    std::size_t stacks = 0;
    for (const MemoryRow& each : bill.rows) stacks += each.kind == MemoryKind::kStacks;
    return "native memory: " + part + " is no Python object, the stacks of " + std::to_string(stacks) +
           " threads above all; the command stacks tells where they stand";
  }
  if (what.starts_with(kWrittenOf))
    return "native memory: " + part + " is no Python object, above all " + what +
           ": no file has what is written there, and the system can only swap it out";
  if (what.starts_with("tracemalloc"))
    return "native memory: " + part +
           " belongs to C code, most of it to tracemalloc for what it notes; "
           "tracemalloc.stop() frees it, and start() with fewer frames takes less";
  return "native memory: " + part + " belongs to C code, " + what +
         " above all; no Python object that is known holds it";
}

// Arenas of malloc beyond the main one, of which threads take turns.
constexpr std::size_t kManyArenas = 8;

std::string with_commas(std::uint64_t n) {
  std::string digits = std::to_string(n);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

// "; 173 MB of it is pinned by what lives in the same arenas, most by 1,204 str of app.sessions"
std::string of_pins(const MemoryBill& bill, std::string_view allocator, const char* beside) {
  const PinnedRow* first = nullptr;
  std::uint64_t pinned = 0;
  for (const PinnedRow& row : bill.pins) {
    if (row.allocator != allocator) continue;
    if (!first) first = &row;
    pinned += row.free;
  }
  if (!first || pinned * 50 < bill.sum) return {};
  const std::string type = first->type.starts_with("builtins.") ? first->type.substr(9) : first->type;
  return "; " + in_megabytes(pinned) + " of it is pinned by what lives in the same " + beside + ", most by " +
         with_commas(first->blocks) + " " + type + (first->owner.empty() ? "" : " of " + first->owner);
}

std::string of_fragmentation(const MemoryBill& bill, const std::string& part) {
  if (bytes_of(bill, MemoryKind::kMallocFree) <= bytes_of(bill, MemoryKind::kPymallocFree))
    return "fragmentation: " + part +
           " is free, but still with pymalloc, which gives back an arena only when all of it is free" +
           of_pins(bill, "pymalloc", "arenas");
  std::string text = "fragmentation: " + part + " is free, but still with malloc";
  if (bill.arenas.size() > kManyArenas)
    text += ", in " + std::to_string(bill.arenas.size()) + " arenas; MALLOC_ARENA_MAX=2 bounds their number";
  return text + "; malloc_trim(0) would give back " + percent(bill.malloc_trim_bytes, bill.sum) +
         of_pins(bill, "malloc", "pages");
}

std::string text_of(const MemoryBill& bill, const Share& share, const std::string& allocator) {
  const std::string part = percent(share.bytes, bill.sum);
  switch (share.verdict) {
    case MemoryBill::Verdict::kLiveObjects: {
      const MemoryRow* const row = largest_of(bill, {MemoryKind::kObjects, MemoryKind::kBuffers});
      return "live objects: " + part + " is Python objects and their buffers, most of " +
             (row ? row->detail : "") + "; the command retained tells what keeps them";
    }
    case MemoryBill::Verdict::kFragmentation:
      return of_fragmentation(bill, part);
    case MemoryBill::Verdict::kNative:
      return of_native(bill, part, allocator);
    case MemoryBill::Verdict::kShared: {
      const MemoryRow* const row = largest_of(bill, {MemoryKind::kShared});
      return "shared memory: " + part + " is memory that processes can share, most of it " +
             (row ? row->detail : "") +
             "; it is no file, and the system can only swap it out until nobody maps or names it any more";
    }
    case MemoryBill::Verdict::kFiles:
      return "files: " + part + " is code, libraries and mapped files, which the system can take back";
    case MemoryBill::Verdict::kNoOne:
      break;
  }
  return {};
}

}  // namespace

std::string in_megabytes(std::uint64_t bytes) {
  constexpr std::uint64_t kTenth = 100'000;
  const std::uint64_t tenths = (bytes + kTenth / 2) / kTenth;
  if (tenths < 100) return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " MB";
  std::string digits = std::to_string((tenths + 5) / 10);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits + " MB";
}

void judge(MemoryBill& bill, const std::string& allocator, std::uint64_t written_code) {
  const auto of = [&](MemoryKind kind) { return bytes_of(bill, kind); };
  const Share shares[] = {
      {MemoryBill::Verdict::kLiveObjects, of(MemoryKind::kObjects) + of(MemoryKind::kBuffers)},
      {MemoryBill::Verdict::kFragmentation, of(MemoryKind::kPymallocFree) + of(MemoryKind::kMallocFree)},
      {MemoryBill::Verdict::kNative,
       of(MemoryKind::kNative) + of(MemoryKind::kUnknown) + of(MemoryKind::kStacks)},
      {MemoryBill::Verdict::kFiles, of(MemoryKind::kCode) + of(MemoryKind::kFiles)},
      {MemoryBill::Verdict::kShared, of(MemoryKind::kShared)},
  };
  const Share& most = *std::max_element(std::begin(shares), std::end(shares),
                                        [](const Share& a, const Share& b) { return a.bytes < b.bytes; });
  bill.verdict = most.verdict;
  bill.verdict_text = text_of(bill, most, allocator);
  constexpr std::uint64_t kTenth = 10;
  if (most.verdict == MemoryBill::Verdict::kFiles && written_code * kTenth >= most.bytes)
    bill.verdict_text += ", but for " + in_megabytes(written_code) + " of libraries' data that were written";
}

}  // namespace heapglass
