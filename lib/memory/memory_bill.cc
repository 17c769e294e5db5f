#include "lib/memory/memory_bill.h"

#include <algorithm>
#include <array>
#include <map>

#include "lib/memory/mapped_pools.h"
#include "lib/memory/mapping_kinds.h"
#include "lib/memory/memory_verdict.h"
#include "lib/python/sizes.h"

namespace heapglass {
namespace {

std::string arena_name(const MallocHeap& malloc, std::uint32_t arena) {
  const MallocArena& a = malloc.arenas[arena];
  return a.main ? "main arena" : "arena " + to_hex(a.address);
}

constexpr const char* kOfTracemalloc = "tracemalloc's own tables";
// From 3.13 on the interpreter has mimalloc in itself. Its segments begin at multiples of 32 MiB, and where
// objects lie in one pymalloc has none of them (Objects/mimalloc/types.h, MI_SEGMENT_ALIGN).
const std::string kMimalloc = "mimalloc";
const std::string kMimallocRow = kMimalloc + ", used or free";

bool can_be_of_mimalloc(const Mapping& mapping, const MemoryBillInput& in) {
  constexpr std::uint64_t kSegment = std::uint64_t{32} << 20;
  return in.objects.python().rules.has_mimalloc && in.pymalloc.arenas.empty() && mapping.path.empty() &&
         mapping.writable && value(mapping.start) % kSegment == 0;
}

class MemoryAccounting {
 public:
  explicit MemoryAccounting(const MemoryBillInput& input)
      : in_(input),
        parts_(partition_memory(input.graph, input.objects, input.pymalloc, input.malloc,
                                static_cast<bool>(input.owner_of))),
        pins_(input.graph, parts_, input.pymalloc, input.owner_of),
        kinds_(input.capture),
        objects_(input.graph.types.size()),
        buffers_(input.graph.types.size()),
        free_(input.malloc.arenas.size()),
        top_(input.malloc.arenas.size()) {}

  MemoryBill make() {
    MemoryBill bill;
    std::vector<Residency::Run> runs;
    if (in_.capture.residency) {
      const Residency& r = *in_.capture.residency;
      bill.residency_known = true;
      bill.rss = r.rss;
      bill.page_tables = r.page_tables;
      bill.swapped = r.swapped;
      runs = r.runs;
      if (!r.zero_pages_apart)
        bill.doubts.push_back(
            "this kernel does not tell pages of zeros that were only read from others: the sum has them, RSS "
            "has not");
    } else {
      for (const Image::Segment& s : in_.capture.image->segments()) runs.push_back({s.start, s.size});
    }
    find_maps();
    for (const Residency::Run& run : runs) attribute(run.start, run.start + run.size);
    add_parts();
    name_pools();
    if (!kinds_.allocator().empty())
      take_buffers_by_size({MemoryKind::kNative, kinds_.allocators_row()});
    else if (mimalloc_)
      take_buffers_by_size({MemoryKind::kNative, kMimallocRow});
    else if (!is_malloc_known())
      take_buffers_by_size({MemoryKind::kUnknown, kMappedByCode});
    for (const auto& [key, bytes] : rows_)
      if (bytes) bill.rows.push_back({key.first, key.second, bytes, 0});
    add_types(bill);
    std::stable_sort(bill.rows.begin(), bill.rows.end(), [](const MemoryRow& a, const MemoryRow& b) {
      return a.kind != b.kind ? a.kind < b.kind : a.bytes > b.bytes;
    });
    for (const MemoryRow& row : bill.rows) bill.sum += row.bytes;
    if (!bill.residency_known) bill.rss = bill.sum;
    add_malloc(bill, runs);
    add_pins(bill);
    bill.pymalloc = in_.pymalloc.figures;
    add_doubts(bill);
    judge(bill, mimalloc_ ? kMimalloc : kinds_.allocator(), written_code_);
    return bill;
  }

 private:
  void add(MemoryKind kind, const std::string& detail, std::uint64_t bytes) {
    rows_[{kind, detail}] += bytes;
  }

  void attribute(Address at, Address end) {
    while (at < end) {
      while (part_ < parts_.parts.size() && parts_.parts[part_].end() <= at) ++part_;
      const bool more = part_ < parts_.parts.size();
      if (more && parts_.parts[part_].start() <= at) {
        const Address to = std::min(end, parts_.parts[part_].end());
        add_part(parts_.parts[part_], to - at);
        pins_.add(part_, at, to - at);
        at = to;
      } else {
        const Address to = more ? std::min(end, parts_.parts[part_].start()) : end;
        share_gap(at, to);
        at = to;
      }
    }
  }

  // Parts come in order of address.
  bool is_of_tracemalloc(const MemoryPart& p) {
    const std::vector<Address>& blocks = in_.of_tracemalloc;
    while (block_ < blocks.size() && blocks[block_] < p.start()) ++block_;
    return block_ < blocks.size() && blocks[block_] < p.end();
  }

  // There may be millions of parts, of a few uses.
  void add_part(const MemoryPart& p, std::uint64_t bytes) {
    const bool is_native = p.use() == PartUse::kMallocUsed || p.use() == PartUse::kMappedChunk;
    if (is_native && is_of_tracemalloc(p)) {
      of_tracemalloc_ += bytes;
      return;
    }
    switch (p.use()) {
      case PartUse::kObject:
        objects_[p.owner()] += bytes;
        return;
      case PartUse::kBuffer:
        buffers_[p.owner()] += bytes;
        return;
      case PartUse::kMallocFree:
        free_[p.owner()] += bytes;
        return;
      case PartUse::kMallocTop:
        top_[p.owner()] += bytes;
        return;
      default:
        others_[static_cast<std::size_t>(p.use())] += bytes;
    }
  }

  void add_parts() {
    static constexpr struct {
      PartUse use;
      MemoryKind kind;
      const char* detail;
    } kRows[] = {
        {PartUse::kPymallocUsed, MemoryKind::kNative, "pymalloc, blocks of no known object"},
        {PartUse::kMallocUsed, MemoryKind::kNative, "malloc, blocks of C code"},
        {PartUse::kMappedChunk, MemoryKind::kNative, "malloc, large blocks"},
        {PartUse::kPymallocFree, MemoryKind::kPymallocFree, "free blocks in pools"},
        {PartUse::kPymallocFreePool, MemoryKind::kPymallocFree, "free pools in arenas"},
        {PartUse::kPymallocOverhead, MemoryKind::kOverhead, "pymalloc, headers and rests of pools"},
        {PartUse::kMallocCached, MemoryKind::kMallocFree, "thread caches"},
        {PartUse::kMallocOverhead, MemoryKind::kOverhead, "malloc, its own state"},
        {PartUse::kUncertain, MemoryKind::kUnknown, "allocators' memory that contradicts itself"},
    };
    add(MemoryKind::kNative, kOfTracemalloc, of_tracemalloc_);
    for (const auto& row : kRows)
      if (const std::uint64_t bytes = others_[static_cast<std::size_t>(row.use)])
        add(row.kind, row.detail, bytes);
    for (std::uint32_t arena = 0; arena < free_.size(); ++arena) {
      add(MemoryKind::kMallocFree, arena_name(in_.malloc, arena) + ", free chunks", free_[arena]);
      add(MemoryKind::kMallocFree, arena_name(in_.malloc, arena) + ", its end", top_[arena]);
    }
  }

  // Resident memory of no allocator that is known: by stacks, objects, and what the mapping is.
  void share_gap(Address at, Address end) {
    const Mappings& mappings = in_.capture.mappings;
    while (at < end) {
      while (stack_ < in_.stacks.size() && in_.stacks[stack_].start + in_.stacks[stack_].size <= at) ++stack_;
      while (mapping_ < mappings.size() && mappings[mapping_].end <= at) ++mapping_;
      Address to = end;
      if (stack_ < in_.stacks.size()) {
        const MemoryRange& s = in_.stacks[stack_];
        if (s.start <= at) {
          to = std::min(to, s.start + s.size);
          add(MemoryKind::kStacks, s.name, to - at);
          at = to;
          continue;
        }
        to = std::min(to, s.start);
      }
      if (mapping_ == mappings.size() || at < mappings[mapping_].start) {
        if (mapping_ < mappings.size()) to = std::min(to, mappings[mapping_].start);
        add(MemoryKind::kUnknown, "in no mapping", to - at);
        at = to;
        continue;
      }
      to = std::min(to, mappings[mapping_].end);
      const MappingKinds::Kind kind = kinds_.of(mapping_);
      std::uint64_t left = to - at;
      if (kind.anonymous) left -= share_maps(at, to);
      const std::uint64_t of_objects = kind.anonymous ? share_objects(at, to, left) : 0;
      left -= of_objects;
      if (kind.pool)
        add_to_pool(at, to, left, of_objects > 0);
      else
        add_of_file(kind, at, to, left);
      at = to;
    }
  }

  // What the process has written of a file that it maps for itself is no longer the file's.
  void add_of_file(const MappingKinds::Kind& kind, Address at, Address end, std::uint64_t bytes) {
    std::uint64_t written = 0;
    if (in_.capture.residency) {
      const std::vector<Residency::Run>& runs = in_.capture.residency->written;
      while (written_ < runs.size() && runs[written_].start + runs[written_].size <= at) ++written_;
      for (std::size_t i = written_; i < runs.size() && runs[i].start < end; ++i)
        written += std::min(runs[i].start + runs[i].size, end) - std::max(runs[i].start, at);
      written = std::min(written, bytes);
    }
    if (kind.kind == MemoryKind::kFiles) {
      add(MemoryKind::kNative, std::string(kWrittenOf) + kind.detail, written);
      bytes -= written;
    } else if (kind.kind == MemoryKind::kCode) {
      written_code_ += written;
    }
    add(kind.kind, kind.detail, bytes);
  }

  // Between two parts of the allocators that are known, and in one mapping, it is one region.
  void add_to_pool(Address at, Address end, std::uint64_t bytes, bool has_objects) {
    const std::array<std::size_t, 3> where{mapping_, part_, stack_};
    if (pools_.empty() || where != pool_at_) pools_.push_back({.start = at, .mapping = mapping_});
    pool_at_ = where;
    PoolRegion& pool = pools_.back();
    pool.end = end;
    pool.bytes += bytes;
    pool.has_objects |= has_objects;
  }

  void name_pools() {
    find_pool_libraries(in_.capture, parts_, pools_);
    const auto of_mimalloc = [&](const PoolRegion& pool) {
      return can_be_of_mimalloc(in_.capture.mappings[pool.mapping], in_);
    };
    mimalloc_ = std::any_of(pools_.begin(), pools_.end(),
                            [&](const PoolRegion& pool) { return pool.has_objects && of_mimalloc(pool); });
    for (const PoolRegion& pool : pools_) {
      const MappingKinds::Kind kind = kinds_.of(pool.mapping);
      if (kind.kind == MemoryKind::kShared)
        add(kind.kind, kind.detail + who_maps(pool), pool.bytes);
      else if (!pool.library.empty())
        add(MemoryKind::kNative, pool.library + kOwnPool, pool.bytes);
      else if (mimalloc_ && of_mimalloc(pool))
        add(MemoryKind::kNative, kMimallocRow, pool.bytes);
      else
        add(kind.kind, kind.detail, pool.bytes);
    }
  }

  // ", mapped by 2 mmap.mmap, its share 42.0 MB"
  std::string who_maps(const PoolRegion& pool) const {
    const Mapping& mapping = in_.capture.mappings[pool.mapping];
    std::map<std::string, std::size_t> types;
    for (const Mapped& m : maps_)
      if (m.start < mapping.end && m.start + m.size > mapping.start) ++types[in_.graph.types[m.type].name];
    std::string text;
    for (const auto& [type, count] : types)
      text += (text.empty() ? ", mapped by " : ", ") + (count > 1 ? std::to_string(count) + " " : "") + type;
    if (types.empty() && !pool.library.empty()) text = ", mapped by " + pool.library;
    const auto told = std::lower_bound(in_.shared.begin(), in_.shared.end(), mapping.start,
                                       [](const SharedMapping& s, Address a) { return s.start < a; });
    if (told == in_.shared.end() || told->start != mapping.start || told->rss == 0) return text;
    if (told->proportional + (1 << 12) >= told->rss) return text + ", by no other process";
    return text + ", its share " + in_megabytes(told->proportional);
  }

  // Whether each of malloc's arenas could be walked.
  bool is_malloc_known() const {
    return !in_.malloc.name.empty() &&
           std::all_of(in_.malloc.arenas.begin(), in_.malloc.arenas.end(),
                       [](const MallocArena& a) { return a.sure || !a.chunks.empty(); });
  }

  // What mmap.mmap objects have mapped for themselves.
  std::uint64_t share_maps(Address at, Address end) {
    std::uint64_t bytes = 0;
    for (; map_ < maps_.size(); ++map_) {
      const Mapped& m = maps_[map_];
      const Address from = std::max(m.start, at), to = std::min(m.start + m.size, end);
      if (from < to) {
        buffers_[m.type] += to - from;
        bytes += to - from;
      }
      if (m.start + m.size > end) break;
    }
    return bytes;
  }
  // In order of address; of those that overlap, which none of a sound process do, one is left.
  void find_maps() {
    const std::int32_t data = in_.objects.layout().mmap_object.data;
    std::uint32_t node = 0;
    in_.graph.index->each_in_blocks(0, in_.graph.index->blocks(), [&](Address a) {
      const std::uint32_t n = node++, type = in_.graph.type[n];
      const TypeInfo* const info = in_.graph.types[type].info;
      if (!info || info->buffer != BufferRule::kMmap) return;
      const std::uint64_t size = external_of(in_.objects, a, *info, in_.graph.size[n]).bytes;
      if (size) maps_.push_back({in_.objects.pointer(a, data), size, type});
    });
    std::sort(maps_.begin(), maps_.end(), [](const Mapped& a, const Mapped& b) { return a.start < b.start; });
    const auto overlap = [](const Mapped& a, const Mapped& b) { return b.start < a.start + a.size; };
    maps_.erase(std::unique(maps_.begin(), maps_.end(), overlap), maps_.end());
  }

  // Objects in memory of an allocator that is not read: they alone are known there.
  std::uint64_t share_objects(Address at, Address end, std::uint64_t most) {
    std::uint64_t bytes = 0;
    for (; loose_ < parts_.elsewhere.size(); ++loose_) {
      const NodeId n = parts_.elsewhere[loose_];
      const Address object = in_.graph.index->address(n);
      if (object >= end) break;
      if (object < at) continue;
      const GraphType& type = in_.graph.types[in_.graph.type[index(n)]];
      std::uint64_t size = in_.graph.size.own(index(n));
      if (type.info) {
        const ExternalBytes external = external_of(in_.objects, object, *type.info, size);
        if (external.in_size) size -= std::min(size, external.bytes);
      }
      size = std::min<std::uint64_t>(size, most - bytes);
      ++parts_.objects[in_.graph.type[index(n)]];
      objects_[in_.graph.type[index(n)]] += size;
      bytes += size;
    }
    return bytes;
  }

  // Where an allocator is not read nobody knows the blocks in it, but objects tell how large their buffers
  // are.
  void take_buffers_by_size(const std::pair<MemoryKind, std::string>& row) {
    std::vector<std::uint64_t> told(buffers_.size());
    std::uint32_t node = 0;
    in_.graph.index->each_in_blocks(0, in_.graph.index->blocks(), [&](Address a) {
      const std::uint32_t n = node++, type = in_.graph.type[n];
      const TypeInfo* const info = in_.graph.types[type].info;
      if (info && may_have_buffers(*info) && info->buffer == BufferRule::kNone)
        told[type] += external_of(in_.objects, a, *info, in_.graph.size[n]).bytes;
    });
    std::uint64_t& left = rows_[row];
    for (std::size_t t = 0; t < told.size(); ++t) {
      const std::uint64_t more = std::min(told[t] - std::min(told[t], buffers_[t]), left);
      buffers_[t] += more;
      left -= more;
    }
  }

  void add_types(MemoryBill& bill) const {
    std::map<std::string, MemoryRow> objects, buffers;  // types of one name are one row
    for (std::size_t t = 0; t < objects_.size(); ++t) {
      const std::string& name = in_.graph.types[t].name;
      MemoryRow& row = objects[name];
      row.kind = MemoryKind::kObjects;
      row.bytes += objects_[t];
      row.objects += parts_.objects[t];
      MemoryRow& buffer = buffers[name];
      buffer.kind = MemoryKind::kBuffers;
      buffer.bytes += buffers_[t];
    }
    for (auto* of : {&objects, &buffers})
      for (auto& [name, row] : *of) {
        row.detail = name;
        if (row.bytes) bill.rows.push_back(row);
      }
  }

  void add_malloc(MemoryBill& bill, const std::vector<Residency::Run>& runs) const {
    for (const MallocArena& a : in_.malloc.arenas) {
      bill.arenas.push_back({a.address, a.main, a.sure, a.system_bytes, a.free_bytes, a.cached_bytes});
      for (const MallocArena::Range& r : a.trimmable) {
        auto run = std::upper_bound(runs.begin(), runs.end(), r.start,
                                    [](Address x, const Residency::Run& y) { return x < y.start; });
        if (run != runs.begin()) --run;
        for (; run != runs.end() && run->start < r.start + r.size; ++run) {
          const Address from = std::max(run->start, r.start),
                        to = std::min(run->start + run->size, r.start + r.size);
          if (from < to) bill.malloc_trim_bytes += to - from;
        }
      }
    }
  }

  void add_pins(MemoryBill& bill) {
    constexpr std::size_t kMostPins = 100;
    bill.pins = pins_.rows(false);
    for (const PinnedRow& row : bill.pins) bill.pinned += row.free;
    constexpr std::size_t kMostObjects = 1 << 17;
    const bool worth = bill.pinned * kWorthOwners >= bill.sum;
    if (in_.owner_of && worth) bill.pins = pins_.rows(true);
    if (!in_.owner_of && worth) bill.pinning = pins_.objects(kMostObjects);
    if (bill.pins.size() > kMostPins) bill.pins.resize(kMostPins);
  }

  void add_doubts(MemoryBill& bill) const {
    if (in_.malloc.name.empty() && kinds_.allocator().empty())
      bill.doubts.push_back("no malloc that is known was found: what it has is among the unknown");
    if (!kinds_.allocator().empty())
      bill.doubts.push_back(kinds_.allocator() +
                            " is loaded: what it has handed out is known by the sizes of objects, and not "
                            "told from what it has free");
    if (mimalloc_)
      bill.doubts.push_back(
          "this Python takes its memory from mimalloc (PYTHONMALLOC=mimalloc): what it has handed out is "
          "known by the sizes of objects, and not told from what it has free");
    for (const MallocArena& a : in_.malloc.arenas)
      if (!a.sure)
        bill.doubts.push_back("malloc's arena at " + to_hex(a.address) +
                              " contradicts itself, or was caught half changed: its part is not sure");
    if (in_.pymalloc.contradictions)
      bill.doubts.push_back(std::to_string(in_.pymalloc.contradictions) +
                            " of pymalloc's arenas and pools contradict themselves");
    if (in_.pymalloc.how_found.empty() && !mimalloc_)
      bill.doubts.push_back(
          "pymalloc's arenas were not found: this Python does without, or has none of the objects in them");
  }

  struct Mapped {
    Address start{};
    std::uint64_t size = 0;
    std::uint32_t type = 0;
  };

  const MemoryBillInput& in_;
  std::size_t block_ = 0;  // of in_.of_tracemalloc: the first that is not behind the part looked at
  std::uint64_t of_tracemalloc_ = 0;
  MemoryParts parts_;
  PinnedMemory pins_;
  const MappingKinds kinds_;
  std::vector<std::uint64_t> objects_, buffers_;  // resident bytes, by type of the graph
  std::vector<std::uint64_t> free_, top_;         // the same, by arena of malloc
  std::array<std::uint64_t, static_cast<std::size_t>(PartUse::kUncertain) + 1> others_{};  // by PartUse
  std::map<std::pair<MemoryKind, std::string>, std::uint64_t> rows_;
  std::size_t part_ = 0, stack_ = 0, mapping_ = 0, loose_ = 0, map_ = 0;
  std::size_t written_ = 0;  // of the runs of that name: the first that is not before what is looked at
  std::uint64_t written_code_ = 0;
  bool mimalloc_ = false;  // the interpreter's own, in pymalloc's place
  std::vector<Mapped> maps_;
  std::vector<PoolRegion> pools_;         // in order of address
  std::array<std::size_t, 3> pool_at_{};  // where the last of them lies
};

}  // namespace

std::string_view name_of(MemoryKind kind) {
  constexpr std::string_view kNames[] = {
      "python objects", "buffers of objects", "native memory", "pymalloc, free",
      "malloc, free",   "allocators' own",    "thread stacks", "code and libraries",
      "mapped files",   "shared memory",      "unknown"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::uint64_t bytes_of(const MemoryBill& bill, MemoryKind kind) {
  std::uint64_t bytes = 0;
  for (const MemoryRow& row : bill.rows)
    if (row.kind == kind) bytes += row.bytes;
  return bytes;
}

MemoryBill memory_bill(const MemoryBillInput& input) { return MemoryAccounting(input).make(); }

}  // namespace heapglass
