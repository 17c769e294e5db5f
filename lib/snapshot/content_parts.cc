#include "lib/snapshot/content_parts.h"

#include <algorithm>
#include <bit>

namespace heapglass {
namespace {

constexpr std::uint64_t kMost = std::uint64_t{1} << 40;  // bytes or items of one object

std::uint64_t place(std::int32_t offset) { return static_cast<std::uint64_t>(offset); }

// What of [start, end) does not reach into the next block.
Bytes up_to(Address start, Address end, Address next) {
  const Address last = std::min(end, next);
  return {start, last > start ? last - start : 0};
}

}  // namespace

ContentParts::ContentParts(const Heap& heap)
    : image_(unrecorded_view(heap.capture().image)), objects_(*image_, heap.python()), graph_(heap.graph()) {
  for (const GraphType& type : graph_.types)
    rules_.push_back(type.info ? rules_of(subjects_of(heap.types(), *type.info)) : 0);
}

Address ContentParts::block_of(std::uint32_t node, Address object) const {
  const TypeInfo* const type = graph_.types[graph_.type[node]].info;
  return object - (type ? type->pre_header_size : 0);
}

Address ContentParts::next_block(Address a) const {
  std::uint32_t low = 0, high = graph_.nodes();
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    if (graph_.index->address(NodeId{middle}) <= a)
      low = middle + 1;
    else
      high = middle;
  }
  return low == graph_.nodes() ? Address{~std::uint64_t{0}}
                               : block_of(low, graph_.index->address(NodeId{low}));
}

void ContentParts::each(std::uint32_t node, Address a, Address next, const Visit& visit,
                        std::uint32_t which) const {
  const TypeInfo& type = *graph_.types[graph_.type[node]].info;
  const PyLayout& l = objects_.layout();
  const auto give = [&](const ContentRule& rule, Bytes bytes) {
    if (bytes.count > 0) visit(rule, bytes);
  };
  const auto within = [&](const ContentRule& rule, std::uint64_t first, std::uint64_t end) {
    give(rule, up_to(a + first, a + std::max(first, end), next));
  };
  const std::uint64_t behind_type = place(l.PyObject.ob_type) + 8;
  for (std::uint32_t left = rules_[graph_.type[node]] & which; left; left &= left - 1) {
    const ContentRule& rule = content_rules()[static_cast<std::size_t>(std::countr_zero(left))];
    switch (rule.part) {
      case Part::kTextHead:
      case Part::kCharacters:
        text(rule, a, next, visit);
        break;
      case Part::kBytesHash:
        within(rule, place(l.PyVarObject.ob_size) + 8, place(l.PyBytesObject.ob_sval));
        break;
      case Part::kContents:
        within(rule, place(l.PyBytesObject.ob_sval),
               place(l.PyBytesObject.ob_sval) + std::min(objects_.item_count(a), kMost) + 1);
        break;
      case Part::kIntSize:
        within(rule, behind_type, place(l.PyLongObject.ob_digit));
        break;
      case Part::kDigits: {
        const std::uint64_t n = digits_of(a);
        // The dict of an int of value 0 hangs where others have their first digit.
        const std::uint64_t least = rule.of == Subject::kInt ? 1 : 0;
        within(rule, place(l.PyLongObject.ob_digit), place(l.PyLongObject.ob_digit) + 4 * std::max(n, least));
        break;
      }
      case Part::kNumber:
        within(rule, behind_type, place(l.PyFloatObject.ob_fval) + (rule.of == Subject::kFloat ? 8 : 16));
        break;
      case Part::kBuffer: {
        const Address start = objects_.pointer(a, l.PyByteArrayObject.ob_start);
        if (is_null(start)) break;
        give(rule, up_to(start, start + std::min(objects_.item_count(a), kMost) + 1, next_block(start)));
        break;
      }
      case Part::kItems:
        within(rule, static_cast<std::uint64_t>(type.basicsize),
               graph_.size[node] - std::min<std::uint64_t>(graph_.size[node], type.pre_header_size));
        break;
      case Part::kKeyHashes:
        rule.of == Subject::kDict ? key_hashes(rule, a, visit) : element_hashes(rule, a, visit);
        break;
      case Part::kOpaqueWords: {
        const bool is_unknown = type.resolution == Resolution::kUnknown;
        const std::uint64_t head = place(is_unknown || type.itemsize ? l.PyVarObject.size : l.PyObject.size);
        const std::uint64_t items = type.itemsize ? objects_.item_count(a) : 0;
        const std::uint64_t end =
            std::min<std::uint64_t>(static_cast<std::uint64_t>(type.basicsize), 1 << 20) +
            std::min<std::uint64_t>(items, 1 << 20) * static_cast<std::uint64_t>(type.itemsize);
        // Whoever visits goes through all of them: no further than there is memory.
        const Image::Segment* const s = image_->find(a);
        if (s) within(rule, head, std::min(end, s->start + s->size - a));
        break;
      }
    }
  }
}

std::uint64_t ContentParts::digits_of(Address a) const {
  const std::int32_t tag = objects_.layout().PyLongObject.lv_tag;
  const std::uint64_t n =
      tag == kAbsent ? objects_.item_count(a) : objects_.load<std::uint64_t>(a, tag).value_or(0) >> 3;
  return std::min(n, kMost);
}

void ContentParts::text(const ContentRule& rule, Address a, Address next, const Visit& visit) const {
  const PyLayout& l = objects_.layout();
  const auto state = objects_.str_state(a);
  const std::uint64_t length =
      std::min(objects_.load<std::uint64_t>(a, l.PyASCIIObject.length).value_or(0), kMost);
  if (!state) return;
  const std::uint64_t bytes = (length + 1) * state->width();
  const std::uint64_t head = place(!state->compact ? l.PyUnicodeObject.size
                                   : state->ascii  ? l.PyASCIIObject.size
                                                   : l.PyCompactUnicodeObject.size);
  const auto give = [&](Bytes range) {
    if (range.count > 0) visit(rule, range);
  };
  if (rule.part == Part::kTextHead)
    return give(up_to(a + (place(l.PyASCIIObject.length) + 8), a + head, next));
  // In a block of its own: up to the next object, as above.
  const auto apart = [&](Address data, std::uint64_t count) {
    if (!is_null(data)) give(up_to(data, data + std::min(count, kMost), next_block(data)));
  };
  const Address wide = objects_.pointer(a, l.PyASCIIObject.wstr);
  const Address data = state->compact ? a + head : objects_.pointer(a, l.PyUnicodeObject.data);
  if (state->compact)
    give(up_to(data, data + bytes, next));
  else
    apart(data, bytes);
  // Copies: of wchar_t, to 3.11, and in UTF-8.
  if (wide != data) apart(wide, 4 * (length + 1));
  if (state->compact && state->ascii) return;
  const Address utf8 = objects_.pointer(a, l.PyCompactUnicodeObject.utf8);
  const auto size = objects_.load<std::uint64_t>(a, l.PyCompactUnicodeObject.utf8_length);
  if (utf8 != data) apart(utf8, size.value_or(0) + 1);
}

void ContentParts::key_hashes(const ContentRule& rule, Address a, const Visit& visit) const {
  const Address keys = objects_.pointer(a, objects_.layout().PyDictObject.ma_keys);
  const auto table = objects_.keys(keys);
  constexpr std::uint32_t kWithHash = 24;  // bytes of an entry
  if (!table || !table->entries || table->entry_size != kWithHash) return;
  const Address first = keys + static_cast<std::uint64_t>(table->entries - image_->at(keys, 1));
  for (std::uint64_t i = 0; i < table->nentries; ++i) visit(rule, {first + i * kWithHash, 8});
}

void ContentParts::element_hashes(const ContentRule& rule, Address a, const Visit& visit) const {
  const auto& l = objects_.layout().PySetObject;
  const auto& entry = objects_.layout().setentry;
  const auto mask = objects_.load<std::int64_t>(a, l.mask);
  const Address table = objects_.pointer(a, l.table);
  if (!mask || *mask < 0 || static_cast<std::uint64_t>(*mask) > kMost || entry.size < 16) return;
  if (!image_->at(table, (static_cast<std::uint64_t>(*mask) + 1) * place(entry.size))) return;
  for (std::int64_t i = 0; i <= *mask; ++i) {
    const Address hash = table + static_cast<std::uint64_t>(i) * place(entry.size) + place(entry.hash);
    if (objects_.load<std::int64_t>(hash, 0) != -1) visit(rule, {hash, 8});
  }
}

}  // namespace heapglass
