#include "lib/snapshot/hidden_content.h"

#include <algorithm>
#include <utility>

#include "lib/base/parallel.h"
#include "lib/heap/node_chunks.h"

namespace heapglass {
namespace {

constexpr std::size_t kLongestCString = 4096;  // as names are read

std::uint64_t whole_words(std::uint64_t at) { return (at + 7) / 8 * 8; }

}  // namespace

HiddenContent::HiddenContent(const Heap& heap, const ContentParts& parts, const ReadRecorder& recorder,
                             std::optional<std::uint64_t> longest)
    : heap_(heap), parts_(parts), recorder_(recorder), longest_(longest), thread_numbers_(heap) {
  for (const GraphType& type : heap.graph().types) named_by_.push_back(type.info ? named_by(*type.info) : 0);
}

Fate HiddenContent::fate_of(const ContentRule& rule) const { return longest_ ? rule.cut : rule.redacted; }

std::uint32_t HiddenContent::rules_where(bool (*is)(Fate)) const {
  std::uint32_t all = 0;
  for (std::size_t i = 0; i < content_rules().size(); ++i)
    if (is(fate_of(content_rules()[i]))) all |= 1u << i;
  return all;
}

// What hide() has of one chunk.
struct HiddenContent::Hiding {
  Address object{};
  std::uint32_t node = 0;
  std::optional<bool> known_number;  // of the object, once it was asked for
  std::vector<std::pair<Address, std::uint64_t>> counts;
  Words beginnings;
};

bool HiddenContent::is_exempt(const ContentRule& rule, Hiding& at) const {
  if (rule.exempt != Exempt::kThreadNumbers && rule.exempt != Exempt::kKnownNumbers) return false;
  const HeapGraph& graph = heap_.graph();
  if (!at.known_number)
    at.known_number = thread_numbers_.contains(at.object, *graph.types[graph.type[at.node]].info);
  return *at.known_number;
}

void HiddenContent::hide_part(const ContentRule& rule, Bytes bytes, Hiding& at) const {
  switch (fate_of(rule)) {
    case Fate::kKept:
      break;
    case Fate::kBeginning:
      if (bytes.count > *longest_) {
        const std::uint64_t cut = value(bytes.start) + *longest_;
        const Address first{whole_words(cut)}, end = bytes.start + bytes.count;
        if (first < end) recorder_.hide(first, end - first);
        if (cut % 8) at.beginnings.emplace_back(Address{cut / 8 * 8}, static_cast<unsigned>(cut % 8));
      }
      break;
    case Fate::kAddresses:
      for (std::uint64_t offset = 0; offset < bytes.count; offset += 8) {
        const Address word = bytes.start + offset;
        if (heap_.graph().index->find(parts_.objects().pointer(word, 0)) == kNoNode) recorder_.blank(word);
      }
      break;
    case Fate::kCount:
      if (!is_exempt(rule, at)) at.counts.emplace_back(bytes.start, parts_.objects().item_count(at.object));
      break;
    case Fate::kZero:
      recorder_.blank(bytes.start);
      break;
    case Fate::kHidden:
      if (!is_exempt(rule, at)) recorder_.hide(bytes.start, bytes.count);
      break;
  }
}

std::vector<Address> HiddenContent::hide() {
  std::vector<Address> all_named;
  const std::uint32_t which = rules_where([](Fate fate) { return fate != Fate::kKept; });
  const HeapGraph& graph = heap_.graph();
  for_each_chunk(*graph.index, [&](const NodeChunk& chunk) {
    std::vector<Address> named;
    chunk.each([&](std::uint32_t node, Address a) {
      if (named_by_[graph.type[node]]) named.push_back(a);
    });
    Hiding at;
    const ContentParts::Visit act = [&](const ContentRule& rule, Bytes bytes) { hide_part(rule, bytes, at); };
    parts_.each_object(chunk, which, [&](std::uint32_t node, Address a, Address next) {
      at.object = a;
      at.node = node;
      at.known_number.reset();
      parts_.each(node, a, next, act, which);
    });
    const std::lock_guard lock(mutex_);
    all_named.insert(all_named.end(), named.begin(), named.end());
    for (const auto& [word, count] : at.counts) recorder_.replace(word, count);
    beginnings_.insert(beginnings_.end(), at.beginnings.begin(), at.beginnings.end());
  });
  return all_named;
}

void HiddenContent::reveal_names(const std::vector<Address>& named) {
  const HeapGraph& graph = heap_.graph();
  const Objects& objects = parts_.objects();
  struct Place {
    NamedBy of{};
    std::int32_t offset = 0;
    Exempt as{};
  };
  std::vector<Place> places;
  for (const NameRule& rule : name_rules())
    if (const std::int32_t offset = rule.offset(objects); offset != kAbsent)
      places.push_back({rule.of, offset, rule.as});
  constexpr std::size_t kPiece = 512;
  parallel_for((named.size() + kPiece - 1) / kPiece, [&](std::size_t piece, unsigned) {
    for (std::size_t i = piece * kPiece; i < std::min((piece + 1) * kPiece, named.size()); ++i) {
      const std::uint8_t of = named_by_[graph.type[index(graph.index->find(named[i]))]];
      const bool is_class = of == static_cast<std::uint8_t>(NamedBy::kClass);
      if (is_class && !(objects.type_flags(named[i]) & kTpHeapType)) continue;
      for (const Place& place : places)
        if (of == static_cast<std::uint8_t>(place.of))
          reveal(objects.pointer(named[i], place.offset), place.as);
      if (is_class) reveal_c_string(objects.pointer(named[i], objects.layout().PyTypeObject.tp_name));
    }
  });
}

void HiddenContent::reveal(Address object, Exempt as) const {
  // Of a str, bytes or int the first that is hidden stands there: most were revealed before.
  const Address first = object + static_cast<std::uint64_t>(parts_.objects().layout().PyVarObject.size);
  if (is_null(object) || !recorder_.is_hidden(first)) return;
  const HeapGraph& graph = heap_.graph();
  const NodeId node = graph.index->find(object);
  if (node == kNoNode || !parts_.has_parts(graph.type[index(node)])) return;
  // Last: another thread that finds it revealed reads the whole.
  Bytes last;
  parts_.each(index(node), object, parts_.next_block(object), [&](const ContentRule& rule, Bytes bytes) {
    if (rule.exempt != as) return;
    if (bytes.start <= first && first < bytes.start + bytes.count)
      last = bytes;
    else
      recorder_.reveal(bytes.start, bytes.count);
  });
  if (last.count) recorder_.reveal(last.start, last.count);
}

void HiddenContent::reveal_c_string(Address text) const {
  if (is_null(text)) return;
  const auto read = parts_.objects().c_string(text, kLongestCString);
  if (read) recorder_.reveal(text, read->size() + 1);
}

void HiddenContent::cut_beginnings() {
  for (const auto& [word, bytes] : beginnings_)
    if (recorder_.is_touched(word)) recorder_.cut(word, bytes);
  beginnings_.clear();
}

void HiddenContent::cut_ends() {
  const PyLayout& l = parts_.objects().layout();
  const auto state = static_cast<std::uint64_t>(l.PyASCIIObject.state);
  const auto first_hidden = static_cast<std::uint64_t>(l.PyVarObject.size);
  // Whatever of a value is there at all ends with it.
  std::uint32_t values = 0;
  for (std::size_t i = 0; i < content_rules().size(); ++i)
    if (content_rules()[i].cut == Fate::kBeginning && content_rules()[i].part != Part::kOpaqueWords)
      values |= 1u << i;
  for_each_chunk(*heap_.graph().index, [&](const NodeChunk& chunk) {
    Words words;
    const auto keep = [&](Address word, unsigned bytes) {
      if (recorder_.is_touched(word)) words.emplace_back(word, bytes);
    };
    Address object{};
    const ContentParts::Visit act = [&](const ContentRule& rule, Bytes bytes) {
      const std::uint64_t end = value(bytes.start) + bytes.count;
      if (end % 8) keep(Address{end / 8 * 8}, static_cast<unsigned>(end % 8));
      if (rule.part == Part::kCharacters) keep(object + state, 4);
    };
    parts_.each_object(chunk, values, [&](std::uint32_t node, Address a, Address next) {
      object = a;
      if (longest_ || !recorder_.is_hidden(a + first_hidden)) parts_.each(node, a, next, act, values);
    });
    const std::lock_guard lock(mutex_);
    for (const auto& [word, bytes] : words) recorder_.cut(word, bytes);
  });
}

}  // namespace heapglass
