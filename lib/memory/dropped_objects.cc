#include "lib/memory/dropped_objects.h"

#include <algorithm>

#include "lib/base/page.h"

namespace heapglass {
namespace {

class DroppedCount {
 public:
  DroppedCount(const HeapGraph& graph, const MemoryParts& parts, const Pymalloc& pymalloc,
               const std::vector<Residency::Run>& runs, const std::vector<bool>& dropped)
      : graph_(graph), parts_(parts), pymalloc_(pymalloc), runs_(runs), dropped_(dropped) {}

  DroppedBytes count() {
    for (std::size_t i = 0; i < parts_.parts.size(); ++i) {
      const MemoryPart& p = parts_.parts[i];
      const bool goes = is_dropped(i);
      if (goes) out_.freed += resident(p.start(), p.end());
      if (in_pymalloc(p, goes)) {
        close_run();
        continue;
      }
      if (p.use() == PartUse::kMappedChunk || (goes && is_alone(i))) {
        close_run();
        if (goes) out_.at_once += resident(p.start(), p.end());
        continue;
      }
      add_to_run(p, goes);
    }
    close_run();
    close_arena();
    return out_;
  }

 private:
  bool is_dropped(std::size_t part) const {
    const PartUse use = parts_.parts[part].use();
    if (use != PartUse::kObject && use != PartUse::kBuffer) return false;
    const NodeId node = parts_.node_of(graph_, part);
    return node != kNoNode && dropped_[index(node)];
  }
  // A chunk with a mapping of its own: whole pages, which touch no other part.
  bool is_alone(std::size_t part) const { return parts_.mapped[part]; }

  bool in_pymalloc(const MemoryPart& p, bool goes) {
    const auto& arenas = pymalloc_.arenas;
    while (arena_ < arenas.size() && arenas[arena_].start + arenas[arena_].size <= p.start()) {
      close_arena();
      ++arena_;
    }
    if (arena_ == arenas.size() || p.start() < arenas[arena_].start) return false;
    const PartUse use = p.use();
    gone_here_ |= goes;
    stays_ |= !goes && (use == PartUse::kObject || use == PartUse::kBuffer || use == PartUse::kPymallocUsed ||
                        use == PartUse::kUncertain);
    return true;
  }
  void close_arena() {
    if (gone_here_ && !stays_) {
      const Pymalloc::Arena& a = pymalloc_.arenas[arena_];
      out_.at_once += resident(a.start, a.start + a.size);
    }
    gone_here_ = stays_ = false;
  }

  // Free chunks that touch become one.
  void add_to_run(const MemoryPart& p, bool goes) {
    const PartUse use = p.use();
    const bool free = goes || use == PartUse::kMallocFree || use == PartUse::kMallocTop;
    if (!free || p.start() != run_end_) close_run();
    if (!free) return;
    if (is_null(run_start_)) run_start_ = p.start();
    run_end_ = p.end();
  }
  void close_run() {
    constexpr std::uint64_t kFreeHeader = 48;
    if (!is_null(run_start_)) {
      const Address from{(value(run_start_) + kFreeHeader + kPage - 1) / kPage * kPage},
          to{value(run_end_) / kPage * kPage};
      if (from < to) out_.trimmed += resident(from, to);
    }
    run_start_ = run_end_ = {};
  }

  std::uint64_t resident(Address from, Address to) const {
    std::uint64_t bytes = 0;
    auto run = std::upper_bound(runs_.begin(), runs_.end(), from,
                                [](Address a, const Residency::Run& r) { return a < r.start; });
    if (run != runs_.begin()) --run;
    for (; run != runs_.end() && run->start < to; ++run) {
      const Address begin = std::max(run->start, from), end = std::min(run->start + run->size, to);
      if (begin < end) bytes += end - begin;
    }
    return bytes;
  }

  const HeapGraph& graph_;
  const MemoryParts& parts_;
  const Pymalloc& pymalloc_;
  const std::vector<Residency::Run>& runs_;
  const std::vector<bool>& dropped_;
  DroppedBytes out_;
  std::size_t arena_ = 0;
  bool gone_here_ = false, stays_ = false;
  Address run_start_{}, run_end_{};
};

}  // namespace

DroppedBytes bytes_without(const HeapGraph& graph, const MemoryParts& parts, const Pymalloc& pymalloc,
                           const std::vector<Residency::Run>& runs, const std::vector<bool>& dropped) {
  return DroppedCount(graph, parts, pymalloc, runs, dropped).count();
}

}  // namespace heapglass
