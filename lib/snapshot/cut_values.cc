#include "lib/snapshot/cut_values.h"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "lib/heap/node_chunks.h"
#include "lib/python/sizes.h"
#include "lib/snapshot/answer_pages.h"
#include "lib/snapshot/read_recorder.h"
#include "lib/snapshot/redacted_pages.h"
#include "lib/snapshot/save_heap.h"

namespace heapglass {
namespace {

// The bytes of a value: its characters, digits or items that are no objects.
struct Data {
  Address start{};
  std::uint64_t bytes = 0;
};

class Cutter {
 public:
  Cutter(const Heap& heap, std::uint64_t longest)
      : graph_(heap.graph()), objects_(heap.objects()), touched_(*heap.parts().recorder), longest_(longest) {}

  // Of values that are longer, the rest.
  void cut() {
    each_object([&](std::uint32_t node, Address a, const TypeInfo& type, Words& words) {
      const Data data = data_of(node, a, type);
      if (data.bytes <= longest_) return;
      const std::uint64_t end = value(data.start) + longest_, all = value(data.start) + data.bytes;
      const std::uint64_t first = (end + 7) / 8 * 8;
      if (all > first) touched_.forget(Address{first}, all - first);
      keep_up_to(end, words);
    });
  }
  // What stands behind the end of an object, and beside the few bits of a text's state, is left from who had
  // the memory before.
  void cut_ends() {
    each_object([&](std::uint32_t node, Address a, const TypeInfo& type, Words& words) {
      const Data data = data_of(node, a, type);
      if (data.bytes > 0) keep_up_to(value(data.start) + data.bytes, words);
      if (!(type.flags & kTpUnicodeSubclass)) return;
      const Address state = a + static_cast<std::uint64_t>(objects_.layout().PyASCIIObject.state);
      if (touched_.is_touched(state)) words.emplace_back(state, 4);
    });
  }

 private:
  using Words = std::vector<std::pair<Address, unsigned>>;  // with the bytes that stay of each

  template <class Visit>
  void each_object(Visit visit) {
    for_each_chunk(*graph_.index, [&](const NodeChunk& piece) {
      Words words;
      piece.each([&](std::uint32_t node, Address a) {
        visit(node, a, *graph_.types[graph_.type[node]].info, words);
      });
      const std::lock_guard lock(mutex_);
      for (const auto& [word, bytes] : words) touched_.cut(word, bytes);
    });
  }

  // Of the word that `end` is in, what stands before it.
  void keep_up_to(std::uint64_t end, Words& words) const {
    const Address word{end / 8 * 8};
    if (end % 8 && touched_.is_touched(word)) words.emplace_back(word, static_cast<unsigned>(end % 8));
  }

  Data data_of(std::uint32_t node, Address a, const TypeInfo& type) const {
    const PyLayout& l = objects_.layout();
    if (type.flags & kTpUnicodeSubclass) return text_of(a);
    if (type.size_rule == SizeRule::kByteArray)
      return {objects_.pointer(a, l.PyByteArrayObject.ob_start), objects_.item_count(a) + 1};
    if (type.flags & (kTpTypeSubclass | kTpTupleSubclass) || type.itemsize <= 0 || type.itemsize >= 8)
      return {};
    const std::uint64_t head =
        type.flags & kTpBytesSubclass  ? static_cast<std::uint64_t>(l.PyBytesObject.ob_sval)
        : type.flags & kTpLongSubclass ? static_cast<std::uint64_t>(l.PyLongObject.ob_digit)
                                       : static_cast<std::uint64_t>(type.basicsize);
    const std::uint64_t size = graph_.size[node], front = type.pre_header_size + head;
    const std::uint64_t bytes = size > front ? size - front : 0;
    // The dict of an int of value 0 hangs where others have their first digit.
    const bool has_dict_behind = type.dict == InstanceDict::kAtOffset && type.dictoffset < 0;
    if (has_dict_behind && objects_.item_count(a) == 0) return {};
    return {a + head, bytes};
  }

  Data text_of(Address a) const {
    const PyLayout& l = objects_.layout();
    const auto state = objects_.load<std::uint32_t>(a, l.PyASCIIObject.state);
    const auto length = objects_.str_length(a);
    if (!state || !length) return {};
    const std::uint64_t width = *state >> 2 & 7, bytes = (*length + 1) * (width ? width : 4);
    const bool compact = *state >> 5 & 1, ascii = *state >> 6 & 1;
    if (compact)
      return {a + static_cast<std::uint64_t>(ascii ? l.PyASCIIObject.size : l.PyCompactUnicodeObject.size),
              bytes};
    const Address data = objects_.pointer(a, l.PyUnicodeObject.data);
    return {is_null(data) ? objects_.pointer(a, l.PyASCIIObject.wstr) : data, bytes};
  }

  const HeapGraph& graph_;
  const Objects& objects_;
  const ReadRecorder& touched_;
  const std::uint64_t longest_;
  std::mutex mutex_;
};

}  // namespace

void read_cut_values(Heap& heap, std::uint64_t longest, const OtherAnswers& others) {
  record_by_word(heap);
  record_answer_pages(heap, longest, others);
  heap.parts().recorder->stop();
  Cutter cutter(heap, longest);
  cutter.cut();
  // Names are kept whole, however long: they stand in the program.
  const ReadRecorder shapes(heap.capture().image, ReadRecorder::Unit::kWord);
  record_redacted(heap, shapes);
  heap.parts().recorder->take_over(shapes);
  cutter.cut_ends();
}

}  // namespace heapglass
