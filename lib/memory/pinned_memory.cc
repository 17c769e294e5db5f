#include "lib/memory/pinned_memory.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "lib/base/page.h"

namespace heapglass {
namespace {

bool is_free(PartUse use) {
  return use == PartUse::kPymallocFree || use == PartUse::kPymallocFreePool || use == PartUse::kMallocFree ||
         use == PartUse::kMallocCached;
}
std::vector<PinnedRow> most_first(std::map<std::tuple<bool, std::string, std::string>, PinnedRow>& rows) {
  std::vector<PinnedRow> out;
  out.reserve(rows.size());
  for (auto& [key, row] : rows)
    if (row.blocks || row.free) out.push_back(std::move(row));
  std::stable_sort(out.begin(), out.end(),
                   [](const PinnedRow& a, const PinnedRow& b) { return a.free > b.free; });
  return out;
}

constexpr const char* kOfPymalloc = "pymalloc";

bool is_live(PartUse use) {
  return use == PartUse::kObject || use == PartUse::kBuffer || use == PartUse::kPymallocUsed ||
         use == PartUse::kMallocUsed;
}

}  // namespace

void PinnedMemory::add(std::size_t part, Address from, std::uint64_t bytes) {
  const PartUse use = parts_.parts[part].use();
  if (!is_free(use) && !is_live(use)) return;
  const auto& arenas = pymalloc_.arenas;
  while (arena_ < arenas.size() && arenas[arena_].start + arenas[arena_].size <= from) ++arena_;
  if (arena_ < arenas.size() && arenas[arena_].start <= from)
    return add_to(arenas[arena_].start, true, part, bytes);
  // Pages that are all of one part are in nobody's way: malloc_trim(0) gives them back, or they are in use.
  const Address end = from + bytes, first{value(from) / kPage * kPage},
                last{(value(end) - 1) / kPage * kPage};
  add_to(first, false, part, std::min<std::uint64_t>(bytes, first + kPage - from));
  if (last != first) add_to(last, false, part, end - last);
}

void PinnedMemory::add_to(Address unit, bool of_pymalloc, std::size_t part, std::uint64_t bytes) {
  if (unit != unit_.start) {
    close();
    unit_ = {.start = unit, .of_pymalloc = of_pymalloc};
  }
  if (is_free(parts_.parts[part].use())) {
    unit_.free += bytes;
  } else {
    unit_.live += bytes;
    unit_.pins.emplace_back(part, bytes);
  }
}

void PinnedMemory::close() {
  if (unit_.free < unit_.live || unit_.free == 0) return;
  std::uint64_t left = unit_.free;
  for (std::size_t i = 0; i < unit_.pins.size(); ++i) {
    const auto& [part, bytes] = unit_.pins[i];
    const std::uint64_t share = left / (unit_.pins.size() - i);
    left -= share;
    pins_.push_back({part, bytes, share, unit_.of_pymalloc});
  }
}

std::vector<PinnedRow> PinnedMemory::rows(bool with_owners) {
  close();
  unit_ = {};
  std::map<std::tuple<bool, std::string, std::string>, PinnedRow> rows;  // types of one name are one
  for (const Pin& pin : pins_) {
    const MemoryPart& p = parts_.parts[pin.part];
    const bool known = p.use() == PartUse::kObject || p.use() == PartUse::kBuffer;
    const NodeId node = known && with_owners && owner_of_ ? parts_.node_of(graph_, pin.part) : kNoNode;
    const std::string owner = node == kNoNode ? std::string() : owner_of_(node),
                      type = known ? graph_.types[p.owner()].name : "C code";
    PinnedRow& row = rows[{pin.of_pymalloc, type, owner}];
    row.allocator = pin.of_pymalloc ? kOfPymalloc : "malloc";
    row.type = type;
    row.owner = owner;
    ++row.blocks;
    row.bytes += pin.bytes;
    row.free += pin.free;
  }
  return most_first(rows);
}

std::vector<PinningObject> PinnedMemory::objects(std::size_t most) const {
  std::map<std::pair<std::uint32_t, bool>, PinningObject> by_node;
  for (const Pin& pin : pins_) {
    const PartUse use = parts_.parts[pin.part].use();
    if (use != PartUse::kObject && use != PartUse::kBuffer) continue;
    const NodeId node = parts_.node_of(graph_, pin.part);
    if (node == kNoNode) continue;
    PinningObject& object = by_node[{index(node), pin.of_pymalloc}];
    object.node = node;
    object.of_pymalloc = pin.of_pymalloc;
    ++object.blocks;
    object.bytes += pin.bytes;
    object.free += pin.free;
  }
  std::vector<PinningObject> out;
  out.reserve(by_node.size());
  for (const auto& [key, object] : by_node) out.push_back(object);
  if (out.size() <= most) return out;
  std::nth_element(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(most), out.end(),
                   [](const PinningObject& x, const PinningObject& y) { return x.free > y.free; });
  out.resize(most);
  std::sort(out.begin(), out.end(),
            [](const PinningObject& x, const PinningObject& y) { return x.node < y.node; });
  return out;
}

std::vector<PinnedRow> with_owners(const HeapGraph& graph, const std::vector<PinnedRow>& rows,
                                   const std::vector<PinningObject>& objects,
                                   const std::function<std::string(NodeId)>& owner_of) {
  std::map<std::tuple<bool, std::string, std::string>, PinnedRow> named;
  for (const PinnedRow& row : rows) named[{row.allocator == kOfPymalloc, row.type, row.owner}] = row;
  for (const PinningObject& object : objects) {
    const std::string& type = graph.types[graph.type[index(object.node)]].name;
    const auto whole = named.find({object.of_pymalloc, type, std::string()});
    const std::string owner = whole == named.end() ? std::string() : owner_of(object.node);
    if (owner.empty()) continue;
    // A file that says more of its objects than of all is not believed further than that.
    PinnedRow& rest = whole->second;
    if (rest.blocks < object.blocks || rest.bytes < object.bytes || rest.free < object.free) continue;
    PinnedRow& row = named[{object.of_pymalloc, type, owner}];
    row.allocator = rest.allocator;
    row.type = type;
    row.owner = owner;
    row.blocks += object.blocks;
    row.bytes += object.bytes;
    row.free += object.free;
    rest.blocks -= object.blocks;
    rest.bytes -= object.bytes;
    rest.free -= object.free;
  }
  return most_first(named);
}

}  // namespace heapglass
