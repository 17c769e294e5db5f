#include "lib/memory/private_bytes.h"

#include <algorithm>
#include <bitset>
#include <optional>
#include <utility>
#include <vector>

namespace heapglass {
namespace {

using Words = std::bitset<PrivatePage::kWords>;

// What stands on one page, as words.
struct Marks {
  Words counts, heads;        // ob_refcnt; _gc_next and _gc_prev of tracked objects
  bool mortal_count = false;  // a count that differs is of an object that 3.12 has as mortal
};

std::uint64_t page_of(std::uint64_t address) { return address & ~std::uint64_t{kPage - 1}; }

class Attribution {
 public:
  Attribution(const Heap& heap, const PrivatePages& pages, const MemoryParts& parts)
      : heap_(heap), pages_(pages), parts_(parts), marks_(pages.size()) {
    layout_ = &heap.objects().layout();
    head_size_ = layout_->PyGC_Head.size > 0 ? static_cast<std::uint64_t>(layout_->PyGC_Head.size) : 0;
    count_at_ = static_cast<std::uint64_t>(std::max(layout_->PyObject.ob_refcnt, 0));
    for (const GraphType& type : heap.graph().types) {
      const std::string& n = type.name;
      immortal_type_.push_back(n == "builtins.NoneType" || n == "builtins.bool" || n == "builtins.ellipsis" ||
                               n == "builtins.NotImplementedType");
    }
  }

  PrivateBytes run() {
    mark_words();
    PrivateBytes out;
    out.collected = pages_with_heads_ > 0 && own_pages_with_heads_ * 100 >= pages_with_heads_ * 95;
    causes_.resize(pages_.size());
    for (std::size_t i = 0; i < pages_.size(); ++i) {
      causes_[i] = cause_of(i);
      out.by_cause[static_cast<std::size_t>(causes_[i])] += kPage;
      if (causes_[i] == PrivateCause::kCollectorHeads) {
        out.freeze_keeps += kPage;
        out.freeze_keeps_at_most += kPage;
      }
      if (causes_[i] == PrivateCause::kNothingDiffers && marks_[i].heads.any()) {
        if (out.collected) out.freeze_keeps += kPage;
        out.freeze_keeps_at_most += kPage;
      }
      if (causes_[i] == PrivateCause::kReferenceCounts && !marks_[i].mortal_count &&
          !heap_.python().rules.immortal_objects)
        out.immortal_keeps += kPage;
    }
    attribute(out);
    return out;
  }

 private:
  const PrivatePage* page_at(std::uint64_t address, std::size_t& which) const {
    const auto at = std::lower_bound(
        pages_.begin(), pages_.end(), page_of(address),
        [](const PrivatePage& page, std::uint64_t start) { return value(page.start) < start; });
    which = static_cast<std::size_t>(at - pages_.begin());
    return at != pages_.end() && value(at->start) == page_of(address) ? &*at : nullptr;
  }

  bool has_head(NodeId node, std::uint64_t address) const {
    const TypeInfo* const info = heap_.type_of(node).info;
    if (!info || !info->has_gc || head_size_ < 16) return false;
    std::uint64_t next = 0;  // NULL: not tracked
    return heap_.objects().image().load(Address{address - head_size_}, next) && next != 0;
  }

  // From 3.12 on the singletons, the small ints and the static types.
  bool is_immortal_later(NodeId node, Address address) const {
    if (immortal_type_[heap_.graph().type[index(node)]]) return true;
    const GraphType& type = heap_.type_of(node);
    if (type.name == "builtins.type") return !(heap_.objects().type_flags(address) & kTpHeapType);
    if (type.name != "builtins.int") return false;
    const std::int64_t size = heap_.objects().ob_size(address);
    if (size == 0) return true;
    if (size != 1 && size != -1) return false;
    const auto digit = heap_.objects().load<std::uint32_t>(
        address, layout_->PyVarObject.ob_size == kAbsent ? kAbsent : layout_->PyVarObject.ob_size + 8);
    constexpr std::uint32_t kMostSmall = 256, kMostNegative = 5;
    return digit && *digit <= (size > 0 ? kMostSmall : kMostNegative);
  }

  void mark_words() {
    const std::uint32_t nodes = heap_.graph().nodes();
    std::uint64_t last_head_page = ~std::uint64_t{0};
    for (std::uint32_t n = 0; n < nodes; ++n) {
      const Address address = heap_.address(NodeId{n});
      const std::uint64_t at = value(address);
      std::size_t which = 0;
      if (const PrivatePage* const page = page_at(at + count_at_, which)) {
        const std::size_t word = (at + count_at_ - value(page->start)) / 8;
        marks_[which].counts.set(word);
        if (page->words.test(word) && !is_immortal_later(NodeId{n}, address))
          marks_[which].mortal_count = true;
      }
      if (!has_head(NodeId{n}, at)) continue;
      for (std::uint64_t w = at - head_size_; w < at - head_size_ + 16; w += 8) {
        const PrivatePage* const page = page_at(w, which);
        if (page) marks_[which].heads.set((w - value(page->start)) / 8);
        if (w != at - head_size_ || page_of(w) == last_head_page) continue;
        last_head_page = page_of(w);
        if (page && page->origin == PageOrigin::kNew) continue;  // not inherited
        ++pages_with_heads_;
        own_pages_with_heads_ += page != nullptr;
      }
    }
  }

  PrivateCause cause_of(std::size_t i) const {
    const PrivatePage& page = pages_[i];
    if (page.origin == PageOrigin::kNew) return PrivateCause::kNewMemory;
    if (page.origin == PageOrigin::kNotCompared) return PrivateCause::kNotCompared;
    if ((page.words & ~marks_[i].counts & ~marks_[i].heads).any()) return PrivateCause::kContent;
    if ((page.words & marks_[i].counts).any()) return PrivateCause::kReferenceCounts;
    return page.words.any() ? PrivateCause::kCollectorHeads : PrivateCause::kNothingDiffers;
  }

  // The words of a page that count for who is named: those that differ in the way of its cause, or all.
  Words counted(std::size_t i) const {
    switch (causes_[i]) {
      case PrivateCause::kContent:
        return pages_[i].words & ~marks_[i].counts & ~marks_[i].heads;
      case PrivateCause::kReferenceCounts:
        return pages_[i].words & marks_[i].counts;
      case PrivateCause::kCollectorHeads:
        return pages_[i].words;
      default:
        return ~Words();
    }
  }

  // The words of the pages that are still to be given to an object, and the bytes that each stands for.
  struct Shares {
    std::vector<Words> words;
    std::vector<std::size_t> rest;
    std::vector<double> each;
  };
  Shares shares() const {
    Shares out{std::vector<Words>(pages_.size()), std::vector<std::size_t>(pages_.size()),
               std::vector<double>(pages_.size())};
    for (std::size_t i = 0; i < pages_.size(); ++i) {
      out.words[i] = counted(i);
      out.rest[i] = out.words[i].count();
      out.each[i] = out.rest[i] ? static_cast<double>(kPage) / static_cast<double>(out.rest[i]) : 0;
    }
    return out;
  }

  // Takes the words of [from, to), on one page, for the first object that has them.
  static std::size_t take(Words& words, std::size_t from, std::size_t to) {
    std::size_t count = 0;
    for (std::size_t word = from; word < to; ++word) {
      count += words.test(word);
      words.reset(word);
    }
    return count;
  }

  // Calls visit(page, bytes) for the pages that have something of the node.
  template <class Visit>
  void each_part(std::uint32_t n, Shares& shares, Visit visit) const {
    const std::uint64_t at = value(heap_.address(NodeId{n}));
    const std::uint64_t start = has_head(NodeId{n}, at) ? at - head_size_ : at;
    const std::uint64_t next =
        n + 1 < heap_.graph().nodes() ? value(heap_.address(NodeId{n + 1})) : ~std::uint64_t{0};
    // Its own block, of which its size has the buffers too: at most to where the next object begins.
    const std::uint64_t end = std::min({at + block_bytes(NodeId{n}), next, at + (std::uint64_t{1} << 32)});
    each_part(start, end, shares, visit);
  }

  // The same of the memory [start, end).
  template <class Visit>
  void each_part(std::uint64_t start, std::uint64_t end, Shares& shares, Visit visit) const {
    for (std::uint64_t w = start & ~std::uint64_t{7}; w < end;) {
      const std::uint64_t page = page_of(w), to = std::min((end + 7) & ~std::uint64_t{7}, page + kPage);
      std::size_t which = 0;
      if (page_at(w, which)) {
        const std::size_t count = take(shares.words[which], (w - page) / 8, (to - page) / 8);
        shares.rest[which] -= count;
        if (count) visit(which, static_cast<double>(count) * shares.each[which]);
      }
      w = page + kPage;
    }
  }

  void attribute(PrivateBytes& out) const {
    const Owners* const owners = heap_.graph().has_references() ? &heap_.owners() : nullptr;
    Shares left = shares();
    std::map<std::pair<PrivateCause, std::uint32_t>, double> types, by_owner;
    const std::uint32_t nodes = heap_.graph().nodes();
    for (std::uint32_t n = 0; n < nodes; ++n)
      each_part(n, left, [&](std::size_t page, double bytes) {
        types[{causes_[page], heap_.graph().type[n]}] += bytes;
        if (owners) by_owner[{causes_[page], owners->of[n]}] += bytes;
      });
    // What of the rest is a buffer of an object.
    for (std::size_t i = 0; i < parts_.parts.size(); ++i) {
      const MemoryPart& part = parts_.parts[i];
      if (part.use() != PartUse::kBuffer) continue;
      NodeId holder = kNoNode;
      bool known = false;
      each_part(value(part.start()), value(part.end()), left, [&](std::size_t page, double bytes) {
        if (!std::exchange(known, true)) holder = parts_.node_of(heap_.graph(), i);
        types[{causes_[page], part.owner()}] += bytes;
        if (owners && holder != kNoNode)
          by_owner[{causes_[page], owners->of[index(holder)]}] += bytes;
        else if (owners)
          out.by_owner[{causes_[page], kNoObject}] += bytes;
      });
    }
    for (const auto& [key, bytes] : types)
      out.by_type[{key.first, heap_.graph().types[key.second].name}] += bytes;
    for (const auto& [key, bytes] : by_owner)
      out.by_owner[{key.first, owners->owners[key.second].path}] += bytes;
    for (std::size_t i = 0; i < pages_.size(); ++i) {
      const double bytes = static_cast<double>(left.rest[i]) * left.each[i];
      if (bytes == 0) continue;
      out.by_type[{causes_[i], kNoObject}] += bytes;
      if (owners) out.by_owner[{causes_[i], kNoObject}] += bytes;
    }
  }

  // The part of the size that stands in one piece from the object on.
  std::uint64_t block_bytes(NodeId node) const {
    const TypeInfo* const info = heap_.type_of(node).info;
    const std::uint64_t size = heap_.graph().size[index(node)];
    if (!info || info->basicsize <= 0) return size;
    // Tables and items apart are in the size of containers, and not in that of what is one block.
    return info->itemsize ? size : std::min<std::uint64_t>(size, static_cast<std::uint64_t>(info->basicsize));
  }

  const Heap& heap_;
  const PrivatePages& pages_;
  const MemoryParts& parts_;
  std::vector<Marks> marks_;  // by page
  std::vector<PrivateCause> causes_;
  std::vector<bool> immortal_type_;  // by type
  const PyLayout* layout_ = nullptr;
  std::uint64_t head_size_ = 0, count_at_ = 0;
  std::uint64_t pages_with_heads_ = 0, own_pages_with_heads_ = 0;
};

struct CauseName {
  const char *key, *words;
};
constexpr CauseName kNames[kPrivateCauses] = {
    {"new_memory", "new memory that the master has not"},    {"content", "content written"},
    {"reference_counts", "reference counts written"},        {"collector_heads", "collector heads written"},
    {"nothing_differs", "written, and nothing differs now"}, {"not_compared", "not compared"},
};

}  // namespace

const char* key_of(PrivateCause cause) { return kNames[static_cast<std::size_t>(cause)].key; }
const char* words_for(PrivateCause cause) { return kNames[static_cast<std::size_t>(cause)].words; }

PrivateBytes private_bytes(const Heap& heap, const PrivatePages& pages, const MemoryParts& parts) {
  return Attribution(heap, pages, parts).run();
}

}  // namespace heapglass
