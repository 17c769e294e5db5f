#include "lib/snapshot/answer_pages.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "lib/base/parallel.h"
#include "lib/heap/holders.h"
#include "lib/heap/labels.h"
#include "lib/heap/node_chunks.h"
#include "lib/heap/objgraph_labels.h"
#include "lib/python/describe.h"
#include "lib/python/item_names.h"
#include "lib/python/python_repr.h"
#include "lib/python/sizes.h"
#include "lib/snapshot/read_recorder.h"

namespace heapglass {
namespace {

// Those whose answers read nothing but their own block, and what building the graph has read.
bool is_plain(const TypeInfo& type) {
  static constexpr std::string_view kPlain[] = {"builtins.str",  "builtins.int",   "builtins.float",
                                                "builtins.bool", "builtins.bytes", "builtins.list",
                                                "builtins.dict", "builtins.tuple", "builtins.function",
                                                "builtins.cell", "builtins.set",   "builtins.frozenset"};
  return std::find(std::begin(kPlain), std::end(kPlain), type.name) != std::end(kPlain) ||
         (type.body == TraverseRule::kNone && type.flags & kTpHeapType &&
          type.size_rule == SizeRule::kObject &&
          !(type.flags & (kTpUnicodeSubclass | kTpLongSubclass | kTpBytesSubclass | kTpTypeSubclass)));
}

// What stands in front of the bytes of a value.
std::uint64_t head_of(const Objects& objects, Address a, const TypeInfo& type) {
  const PyLayout& l = objects.layout();
  const bool is_text = type.flags & kTpUnicodeSubclass;
  const auto state = is_text ? objects.str_state(a) : std::nullopt;
  return static_cast<std::uint64_t>(state && state->compact         ? l.PyCompactUnicodeObject.size
                                    : is_text                       ? l.PyUnicodeObject.size
                                    : type.flags & kTpBytesSubclass ? l.PyBytesObject.ob_sval
                                    : type.flags & kTpLongSubclass  ? l.PyLongObject.ob_digit
                                                                    : l.PyVarObject.size);
}

// Bytes of the block that the object is in, from the object on.
std::uint64_t own_block(const Objects& objects, Address a, const TypeInfo& type, std::uint64_t size) {
  const ExternalBytes external = external_of(objects, a, type, size);
  const std::uint64_t elsewhere = type.pre_header_size + (external.in_size ? external.bytes : 0);
  return size - std::min(size, elsewhere);
}

// Of an object its heads, the first `longest` bytes of its value, and where its dict hangs: behind its items,
// which are as many as the value says.
void touch_block(const Heap& heap, const ReadRecorder& recorder, Address a, const TypeInfo& type,
                 std::uint64_t size, std::uint64_t longest) {
  const Objects& objects = heap.objects();
  constexpr std::uint64_t kManagedWeakref = 1u << 3,
                          kManaged = 32;  // 3.12+; what stands in front of managed ones
  const bool is_managed = type.flags & (kTpManagedDict | kManagedWeakref);
  const std::uint64_t front = is_managed ? kManaged : type.pre_header_size;
  const std::uint64_t kept = std::min(own_block(objects, a, type, size), head_of(objects, a, type) + longest);
  recorder.touch(a - front, front + kept);
  if (type.dict != InstanceDict::kAtOffset || type.dictoffset >= 0) return;
  const std::uint64_t items = objects.item_count(a);
  if (type.itemsize < 0 || items > size) return;
  const std::uint64_t end =
      static_cast<std::uint64_t>(type.basicsize) + items * static_cast<std::uint64_t>(type.itemsize);
  recorder.touch(a + ((end + 7) / 8 * 8 - static_cast<std::uint64_t>(-type.dictoffset)), 8);
}

}  // namespace

void record_answer_pages(const Heap& heap, std::uint64_t longest, const OtherAnswers& others) {
  const ReadRecorder& recorder = *heap.parts().recorder;
  const HeapGraph& graph = heap.graph();
  const Objects& objects = heap.objects();
  TypeTable& types = heap.types();
  // What stands in front of an object: the collector's head, pointers to its dict and weak references.
  constexpr std::uint64_t kInFront = 64;
  const bool by_words = recorder.unit() == ReadRecorder::Unit::kWord;
  const std::size_t kLongestRepr = std::min<std::uint64_t>(1000, longest);
  std::vector<char> plain;  // by type; not bits, which threads would share
  plain.reserve(graph.types.size());
  for (const GraphType& type : graph.types) plain.push_back(is_plain(*type.info) ? 1 : 0);
  for_each_chunk(*graph.index, [&](const NodeChunk& piece) {
    piece.each([&](std::uint32_t node, Address a) {
      const TypeInfo& type = *graph.types[graph.type[node]].info;
      const std::uint64_t size = graph.size[node];
      if (by_words)
        touch_block(heap, recorder, a, type, size, longest);
      else
        recorder.touch(a - kInFront, kInFront + std::min(size, longest));
      if (type.flags & kTpUnicodeSubclass)
        if (const auto state = objects.str_state(a); state && !state->compact)
          objects.str(a, longest / state->width());
      if (plain[graph.type[node]]) return;
      python_repr(types, a, kLongestRepr);
      short_repr(types, a, type, kLongestRepr);
    });
  });
  // Stacks in C, and what has its state there, are no objects.
  others(kLongestRepr);
  // Names that stand in C: of members in __slots__; and of items that are fields, in the dicts of classes.
  ItemNames item_names(types);
  for (const GraphType& type : graph.types) {
    for (const ObjectField& field : type.info->fields)
      if (field.kind == EdgeKind::kSlot) objects.c_string(Address{field.payload});
    item_names.of(*type.info);
  }
  // Who holds an object says nothing here of what it is, and to find that for all takes a tenth of a
  // snapshot's time.
  Referrers referrers;
  referrers.first.assign(std::size_t{graph.nodes()} + 1, 0);
  // Both remember what they have found, each for one thread.
  struct Describer {
    Labels labels;
    ObjectView values;
  };
  std::vector<std::unique_ptr<Describer>> describers(worker_count());
  constexpr std::uint32_t kNodes = 1 << 12;
  parallel_for((graph.nodes() + kNodes - 1) / kNodes, [&](std::size_t piece, unsigned worker) {
    if (!describers[worker])
      describers[worker].reset(new Describer{{types, graph, referrers}, {types, graph, heap.interpreters()}});
    auto& [labels, values] = *describers[worker];
    const auto first = static_cast<std::uint32_t>(piece) * kNodes;
    for (std::uint32_t n = first; n < std::min(first + kNodes, graph.nodes()); ++n)
      if (!plain[graph.type[n]]) describe_container(labels, values, NodeId{n});
  });
}

}  // namespace heapglass
