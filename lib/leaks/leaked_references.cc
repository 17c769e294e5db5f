#include "lib/leaks/leaked_references.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <utility>

#include "lib/base/parallel.h"

namespace heapglass {
namespace {

// Of a tagged pointer the low bits are not the address's; objects are aligned to eight bytes at least.
constexpr std::uint64_t kTag = 7;

class WordCounts {
 public:
  explicit WordCounts(const HeapGraph& graph)
      : graph_(graph), counts_(std::make_unique<std::atomic<std::uint32_t>[]>(graph.nodes())) {}

  void look_at(std::uint64_t word) {
    const NodeId n = graph_.index->find(Address{word & ~kTag});
    if (n != kNoNode) counts_[index(n)].fetch_add(1, std::memory_order_relaxed);
  }
  void look_at(const std::byte* bytes, std::uint64_t size) {
    for (std::uint64_t at = 0; at + 8 <= size; at += 8) {
      std::uint64_t word;
      std::memcpy(&word, bytes + at, 8);
      if (word) look_at(word);
    }
  }
  std::uint64_t of(NodeId n) const { return counts_[index(n)]; }

 private:
  const HeapGraph& graph_;
  const std::unique_ptr<std::atomic<std::uint32_t>[]> counts_;
};

// Program files' own objects, and what never goes: nobody keeps their counts.
class Kept {
 public:
  Kept(const Objects& objects, const Mappings& mappings) : o_(objects) {
    for (const Mapping& m : mappings)
      if (m.has_file()) files_.push_back(&m);
    // The small integers of 3.7 and 3.8 lie there; a mapping of no file has all of it but its beginning.
    if (const auto& binary = o_.python().binary)
      if (const auto bss = binary->section(".bss")) bss_ = *bss;
  }
  bool operator()(Address a, std::uint64_t count) const {
    if (o_.is_immortal(count)) return false;
    if (a >= bss_.address && a < bss_.address + bss_.size) return false;
    const auto after = std::upper_bound(files_.begin(), files_.end(), a,
                                        [](Address x, const Mapping* m) { return x < m->start; });
    return after == files_.begin() || !((*std::prev(after))->end > a);
  }

 private:
  const Objects& o_;
  std::vector<const Mapping*> files_;  // in order of address, as mappings are
  Symbol bss_;
};

}  // namespace

std::vector<LeakedReferences> find_leaked_references(const HeapGraph& graph, const Objects& objects,
                                                     const Capture& capture) {
  constexpr std::uint64_t kPiece = 1 << 20;
  std::vector<std::pair<const std::byte*, std::uint64_t>> pieces;
  for (const Image::Segment& s : capture.image->segments())
    for (std::uint64_t at = 0; at < s.size; at += kPiece)
      pieces.emplace_back(s.bytes + at, std::min(kPiece, s.size - at));
  WordCounts words(graph);
  parallel_for(pieces.size(),
               [&](std::size_t i, unsigned) { words.look_at(pieces[i].first, pieces[i].second); });
  for (const ThreadRegisters& t : capture.threads)
    for (const std::uint64_t word : t.general) words.look_at(word);
  const Kept kept(objects, capture.mappings);
  // With Py_TRACE_REFS (to 3.12) all objects are linked: the address of each stands in the heads of two
  // others, _ob_next and _ob_prev, which count for nothing.
  const std::uint64_t links = objects.layout().PyObject.ob_refcnt > 0 ? 2 : 0;
  std::vector<LeakedReferences> out;
  for (std::uint32_t n = 0; n < graph.nodes(); ++n) {
    const Address a = graph.index->address(NodeId{n});
    const std::uint64_t count = objects.refcount(a), words_there = words.of(NodeId{n}),
                        found = words_there - std::min(words_there, links);
    if (count > found && kept(a, count)) out.push_back({NodeId{n}, count - found});
  }
  return out;
}

}  // namespace heapglass
