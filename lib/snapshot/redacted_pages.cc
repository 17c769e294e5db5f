#include "lib/snapshot/redacted_pages.h"

#include <algorithm>
#include <array>
#include <future>
#include <mutex>

#include "lib/base/parallel.h"
#include "lib/heap/node_chunks.h"
#include "lib/heap/object_view.h"
#include "lib/python/collector_lists.h"
#include "lib/python/describe.h"
#include "lib/python/own_dict.h"
#include "lib/python/python_repr.h"
#include "lib/python/sizes.h"
#include "lib/python/weak_references.h"
#include "lib/snapshot/redacted_stacks.h"
#include "lib/tracemalloc/tracemalloc.h"

namespace heapglass {
namespace {

constexpr std::size_t kLongestName = 4096;

// Where the names of references stand, and which dicts have names for keys.
class Names final : public EdgeSink {
 public:
  std::vector<Address> texts, c_strings, namespaces, of_modules_and_classes;

 private:
  void take(const Edge* edges, std::size_t count) override {
    for (const Edge* e = edges; e != edges + count; ++e) {
      const Address at{e->payload};
      if (e->kind == EdgeKind::kAttribute || e->kind == EdgeKind::kLocal) {
        // A million instances have the same few names.
        Address& seen = seen_[(value(at) >> 4) % seen_.size()];
        if (seen != at) texts.push_back(seen = at);
      } else if (e->kind == EdgeKind::kSlot) {
        if (c_strings.empty() || c_strings.back() != at) c_strings.push_back(at);
      } else if (leads_to_own_dict(*e)) {
        namespaces.push_back(e->referent);
      }
    }
  }
  std::array<Address, 256> seen_{};
};

// First the shapes of everything; then whatever of a value was read with them is forgotten; last the names,
// which are texts too.
class Reader {
 public:
  Reader(const Heap& heap, const ReadRecorder& touched)
      : heap_(heap),
        graph_(heap.graph()),
        touched_(touched),
        objects_(*heap.capture().image, heap.python()),
        interpreters_(read_interpreters(objects_, limits_, health_)),
        types_(objects_, limits_, health_),
        thread_numbers_(heap) {
    for (const GraphType& type : graph_.types) {
      infos_.push_back(types_.get(type.address));
      kinds_.push_back(infos_.back() ? kind_of(*infos_.back()) : Kind{});
    }
  }

  void read() {
    // Lists are walked by one thread only.
    auto lists = std::async(std::launch::async, [&] {
      for (const PyInterpreter& interpreter : interpreters_)
        each_tracked(
            objects_, interpreter, [](Address) {}, health_);
    });
    each_object([&](Address a, NodeId node, const References& references, const ObjectView& values,
                    Names& names) { shape(a, node, references, values, names); });
    lists.get();
    record_tasks(heap_);
    hide_values();
    names();
    lengths_of_struct_sequences();
    record_locks(heap_, touched_);
    read_tracemalloc(objects_);  // names of files
    cut_texts();
    touched_.stop();
  }

 private:
  template <class Visit>
  void each_object(Visit visit) {
    for_each_chunk(*graph_.index, [&](const NodeChunk& piece) {
      Names names;
      const References references(types_, health_);
      const ObjectView values(types_, graph_, interpreters_);
      piece.each([&](std::uint32_t node, Address a) {
        if (infos_[graph_.type[node]]) visit(a, NodeId{node}, references, values, names);
      });
      names.drain();
      const std::lock_guard lock(mutex_);
      texts_.insert(texts_.end(), names.texts.begin(), names.texts.end());
      c_strings_.insert(c_strings_.end(), names.c_strings.begin(), names.c_strings.end());
      namespaces_.insert(namespaces_.end(), names.namespaces.begin(), names.namespaces.end());
      of_modules_and_classes_.insert(of_modules_and_classes_.end(), names.of_modules_and_classes.begin(),
                                     names.of_modules_and_classes.end());
    });
  }

  // Of a type, asked for every object.
  struct Kind {
    bool is_str = false;
    bool is_number = false;  // one of a fixed size
    bool has_name = false;   // its description is a name of the program
    bool is_lru_cache = false;
    bool is_plain = false;  // refers to nothing, and is known to no collector
  };
  static Kind kind_of(const TypeInfo& type) {
    Kind kind{type.name == "builtins.str", type.name == "builtins.float" || type.name == "builtins.complex",
              is_named(type) || type.body == TraverseRule::kModule,
              type.name == "functools._lru_cache_wrapper"};
    kind.is_plain = !type.has_references && !type.has_gc && !kind.has_name && !kind.is_lru_cache &&
                    type.body == TraverseRule::kNone && type.resolution != Resolution::kUnknown &&
                    !(type.flags & (kTpDictSubclass | kTpTypeSubclass));
    return kind;
  }

  void shape(Address a, NodeId node, const References& references, const ObjectView& values, Names& names) {
    const std::uint32_t type_index = graph_.type[index(node)];
    const TypeInfo& type = *infos_[type_index];
    const Kind& kind = kinds_[type_index];
    const PyLayout& l = objects_.layout();
    objects_.type_of(a);
    objects_.refcount(a);
    if (kind.is_number) return;
    values.length(a, type);
    weak_reference_count(types_, a, type);
    if (kind.is_plain) return;
    is_tracked(objects_, a, type);
    references.visit(a, type, names);
    if (type.flags & kTpDictSubclass) hide_hashes(objects_.pointer(a, l.PyDictObject.ma_keys));
    if (type.body == TraverseRule::kSet) hide_hashes_of_set(a);
    if (type.body == TraverseRule::kModule) {
      names.of_modules_and_classes.push_back(objects_.pointer(a, l.PyModuleObject.md_dict));
    } else if (type.flags & kTpTypeSubclass) {
      names.of_modules_and_classes.push_back(types_.type_dict(a));
    } else if (type.resolution == Resolution::kUnknown || type.words_end) {
      unknown(a, type, references, names);
    }
    if (kind.has_name) {
      const std::lock_guard lock(mutex_);
      named_.push_back(a);
    }
    if (kind.is_lru_cache) objects_.load(a, l.lru_cache_object.maxsize);
  }

  // Where an object's block begins: with the collector's head, and what else stands in front of it.
  Address block_of(Address a, NodeId node) const {
    const TypeInfo* const type = infos_[graph_.type[index(node)]];
    return Address{value(a) - (type ? type->pre_header_size : 0)};
  }

  // No value reaches into the next object, whatever its length says: what is forgotten there would be another
  // object's count and type.
  void hide_values() {
    for_each_chunk(*graph_.index, [&](const NodeChunk& piece) {
      const ObjectView values(types_, graph_, interpreters_);
      NodeId last = kNoNode;
      Address at{};
      piece.each([&](std::uint32_t n, Address a) {
        if (last != kNoNode) hide(at, last, block_of(a, NodeId{n}), values);
        last = NodeId{n};
        at = a;
      });
      if (last == kNoNode) return;
      const std::uint32_t next = index(last) + 1;
      const bool is_last = next == graph_.nodes();
      hide(at, last,
           is_last ? Address{~std::uint64_t{0}} : block_of(graph_.index->address(NodeId{next}), NodeId{next}),
           values);
    });
  }

  // Of a text whose characters are a block of their own, where they were read: of a thread's name.
  void hide_characters_apart(Address a) {
    const std::uint64_t most = 4 * (objects_.str_length(a).value_or(0) + 1);
    for (const std::int32_t field :
         {objects_.layout().PyUnicodeObject.data, objects_.layout().PyASCIIObject.wstr}) {
      const Address data = objects_.pointer(a, field);
      if (is_null(data) || !touched_.is_touched(data)) continue;
      // Up to the next object, as above.
      std::uint32_t low = 0, high = graph_.nodes();
      while (low < high) {
        const std::uint32_t middle = low + (high - low) / 2;
        if (graph_.index->address(NodeId{middle}) <= data)
          low = middle + 1;
        else
          high = middle;
      }
      const std::uint64_t room =
          low == graph_.nodes() ? most : block_of(graph_.index->address(NodeId{low}), NodeId{low}) - data;
      touched_.forget(data, std::min(most, room));
    }
  }

  // The bytes of its own block. Its size counts copies in other encodings too, which are blocks of their own.
  std::uint64_t block_of_str(Address a, std::uint32_t node) const {
    const std::uint64_t size = graph_.size[node];
    return size - std::min(size, external_of(objects_, a, *infos_[graph_.type[node]], size).bytes);
  }

  // What is the value alone: digits, characters, the hash that tells it.
  void hide(Address a, NodeId node, Address end_of_block, const ObjectView& values) {
    const TypeInfo* const type = infos_[graph_.type[index(node)]];
    if (!type) return;
    const Kind& kind = kinds_[graph_.type[index(node)]];
    const PyLayout& l = objects_.layout();
    const auto forget = [&](std::int32_t from, std::uint64_t to) {
      const auto first = static_cast<std::uint64_t>(from);
      const std::uint64_t end = std::min(to, end_of_block - a);
      if (end > first) touched_.forget(a + first, end - first);
    };
    const std::int32_t behind_type = l.PyObject.ob_type + 8;
    if (type->flags & kTpUnicodeSubclass) {
      if (!objects_.str_is_in_one_block(a)) hide_characters_apart(a);
      // Its characters stand behind its head, where it is no object of a derived class.
      forget(l.PyASCIIObject.length + 8,
             kind.is_str ? block_of_str(a, index(node)) : static_cast<std::uint64_t>(l.PyASCIIObject.size));
    } else if (type->flags & kTpBytesSubclass) {
      const std::uint64_t n = values.length(a).value_or(0);
      forget(l.PyVarObject.ob_size + 8, static_cast<std::uint64_t>(l.PyBytesObject.ob_sval) + n + 1);
    } else if (type->flags & kTpLongSubclass && !thread_numbers_.contains(a, *type)) {
      const auto digits = static_cast<std::uint64_t>(l.PyLongObject.ob_digit);
      if (type->dict == InstanceDict::kAtOffset && type->dictoffset < 0) {
        // Its dict stands behind the digits, and is found by how many those are; the sign is not.
        const std::uint64_t count = objects_.item_count(a);
        if (count) forget(l.PyLongObject.ob_digit, digits + 4);
        const std::lock_guard lock(mutex_);
        touched_.replace(a + static_cast<std::uint64_t>(l.PyVarObject.ob_size), count);
      } else {
        forget(behind_type, digits + 4);
      }
    } else if (kind.is_number) {
      forget(behind_type, static_cast<std::uint64_t>(type->basicsize));
    }
  }

  void names() {
    heap_.python().self_check(objects_.image());
    Limits limits;
    ReadErrors health;
    const auto interpreters = read_interpreters(objects_, limits, health);
    TypeTable types(objects_, limits, health);
    for (const GraphType& type : graph_.types) types.get(type.address);
    for (const PyRoot& root : read_roots(types, interpreters, health))
      if (root.edge.kind == EdgeKind::kLocal) texts_.push_back(Address{root.edge.payload});
    std::sort(texts_.begin(), texts_.end());
    texts_.erase(std::unique(texts_.begin(), texts_.end()), texts_.end());
    each_of(texts_, [&](Address text) { objects_.str(text, kLongestName); });
    each_of(c_strings_, [&](Address text) { objects_.c_string(text); });
    each_of(named_, [&](Address a) {
      const TypeInfo& type = *types.get(objects_.type_of(a));
      short_repr(types, a, type);
      if (type.name != "builtins.method" && type.body != TraverseRule::kModule)
        python_repr(types, a, kLongestName);
    });
    for (const PyInterpreter& interpreter : interpreters)
      namespaces_.push_back(
          objects_.pointer(interpreter.state, objects_.layout().PyInterpreterState.modules));
    std::sort(namespaces_.begin(), namespaces_.end());
    namespaces_.erase(std::unique(namespaces_.begin(), namespaces_.end()), namespaces_.end());
    each_of(namespaces_, [&](Address dict) {
      objects_.each_item(dict, [&](Address key, Address) { objects_.str(key, kLongestName); });
    });
    each_of(of_modules_and_classes_, [&](Address dict) {
      objects_.each_item(dict, [&](Address key, Address item) {
        const auto name = objects_.str(key, kLongestName);
        if (name == "__name__" || name == "__module__") objects_.str(item, kLongestName);
      });
    });
  }

  // How many references an instance has: what stands in its class is a number of the program's.
  void lengths_of_struct_sequences() {
    for (const TypeInfo* type : infos_)
      if (type && type->body == TraverseRule::kStructSequence)
        objects_.load<std::uint32_t>(objects_.item(types_.type_dict(type->address), "n_fields"),
                                     objects_.layout().PyLongObject.ob_digit);
  }

  // On all cores.
  template <class Visit>
  static void each_of(const std::vector<Address>& addresses, Visit visit) {
    constexpr std::size_t kPiece = 512;
    parallel_for((addresses.size() + kPiece - 1) / kPiece, [&](std::size_t piece, unsigned) {
      const std::size_t end = std::min((piece + 1) * kPiece, addresses.size());
      for (std::size_t i = piece * kPiece; i < end; ++i) visit(addresses[i]);
    });
  }

  // What stands beside a name's few bits of state, and behind its end, is left from who had the memory
  // before.
  void cut_texts() {
    const auto& l = objects_.layout().PyASCIIObject;
    const auto wide = objects_.layout().PyCompactUnicodeObject.size;
    for_each_chunk(*graph_.index, [&](const NodeChunk& piece) {
      std::vector<std::pair<Address, std::uint64_t>> cuts;  // the word, and what stays of it
      const auto cut = [&](Address word, unsigned bytes) {
        std::uint64_t all = 0;
        if (objects_.image().load(word, all))
          cuts.emplace_back(word, all & ((std::uint64_t{1} << bytes * 8) - 1));
      };
      piece.each([&](std::uint32_t n, Address a) {
        const Address state = a + static_cast<std::uint64_t>(l.state);
        if (!kinds_[graph_.type[n]].is_str || !touched_.is_touched(state)) return;
        cut(state, 4);
        // Its size tells how wide the characters are, and that they stand behind its head.
        const std::uint64_t length = objects_.str_length(a).value_or(0), size = block_of_str(a, n);
        for (const auto& [head, width] : {std::pair{l.size, 1u}, {wide, 1u}, {wide, 2u}, {wide, 4u}}) {
          if (size != static_cast<std::uint64_t>(head) + (length + 1) * width) continue;
          const std::uint64_t bytes = length * width;
          const Address end = a + static_cast<std::uint64_t>(head) + bytes / 8 * 8;
          if (bytes % 8 && touched_.is_touched(end)) cut(end, static_cast<unsigned>(bytes % 8));
          break;
        }
      });
      const std::lock_guard lock(mutex_);
      for (const auto& [word, seen] : cuts) touched_.replace(word, seen);
    });
  }

  // Whose description is a name of the program.
  static bool is_named(const TypeInfo& type) {
    static constexpr std::string_view kNamed[] = {"builtins.function",
                                                  "builtins.code",
                                                  "builtins.method",
                                                  "builtins.method_descriptor",
                                                  "builtins.getset_descriptor",
                                                  "builtins.wrapper_descriptor",
                                                  "builtins.member_descriptor",
                                                  "builtins.classmethod_descriptor",
                                                  "builtins.NoneType",
                                                  "builtins.builtin_function_or_method"};
    return type.body == TraverseRule::kFrame || type.body == TraverseRule::kGenerator ||
           type.flags & kTpTypeSubclass || type.body == TraverseRule::kBuiltinMethod ||
           std::find(std::begin(kNamed), std::end(kNamed), type.name) != std::end(kNamed);
  }

  // Of what its body refers to only the objects are told.
  void unknown(Address a, const TypeInfo& type, const References& references, Names& names) {
    const bool is_unknown = type.resolution == Resolution::kUnknown;
    if (is_unknown)
      references.scan(a, type, names);
    else
      references.words(a, type, names);
    const std::uint64_t head = static_cast<std::uint64_t>(
        is_unknown || type.itemsize ? objects_.layout().PyVarObject.size : objects_.layout().PyObject.size);
    const std::uint64_t items = type.itemsize ? objects_.item_count(a) : 0;
    const std::uint64_t end =
        std::min<std::uint64_t>(static_cast<std::uint64_t>(type.basicsize), 1 << 20) +
        std::min<std::uint64_t>(items, 1 << 20) * static_cast<std::uint64_t>(type.itemsize);
    for (std::uint64_t offset = head; offset < end; offset += 8)
      if (graph_.index->find(objects_.pointer(a, static_cast<std::int32_t>(offset))) == kNoNode)
        touched_.blank(a + offset);
  }

  void hide_hashes(Address keys) {
    const auto table = objects_.keys(keys);
    constexpr std::uint32_t kWithHash = 24;
    if (!table || !table->entries || table->entry_size != kWithHash) return;
    const Address first = keys + static_cast<std::uint64_t>(table->entries - objects_.image().at(keys, 1));
    for (std::uint64_t i = 0; i < table->nentries; ++i) touched_.blank(first + i * kWithHash);
  }

  void hide_hashes_of_set(Address a) {
    const auto& l = objects_.layout().PySetObject;
    const auto& entry = objects_.layout().setentry;
    const auto mask = objects_.load<std::int64_t>(a, l.mask);
    const Address table = objects_.pointer(a, l.table);
    if (!mask || *mask < 0 || *mask > std::int64_t{1} << 40 || entry.size < 16) return;
    if (!objects_.image().at(
            table, (static_cast<std::uint64_t>(*mask) + 1) * static_cast<std::uint64_t>(entry.size)))
      return;
    for (std::int64_t i = 0; i <= *mask; ++i) {
      const Address hash = table + static_cast<std::uint64_t>(i) * static_cast<std::uint64_t>(entry.size) +
                           static_cast<std::uint64_t>(entry.hash);
      // A removed entry is known by its -1, which no key has.
      if (objects_.load<std::int64_t>(hash, 0) != -1) touched_.blank(hash);
    }
  }

  const Heap& heap_;
  const HeapGraph& graph_;
  const ReadRecorder& touched_;
  Limits limits_;
  ReadErrors health_;
  const Objects objects_;
  const std::vector<PyInterpreter> interpreters_;
  TypeTable types_;
  const ThreadNumbers thread_numbers_;
  std::vector<const TypeInfo*> infos_;  // by type of the graph
  std::vector<Kind> kinds_;             // the same
  std::mutex mutex_;
  std::vector<Address> texts_, c_strings_, namespaces_, of_modules_and_classes_, named_;
};

}  // namespace

void record_redacted(const Heap& heap, const ReadRecorder& touched) { Reader(heap, touched).read(); }

}  // namespace heapglass
