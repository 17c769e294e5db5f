#include "cmd/names_and_shapes.h"

#include <algorithm>
#include <mutex>

#include "cmd/memory_bill_of.h"
#include "lib/analysis/heap_objects.h"
#include "lib/base/parallel.h"
#include "lib/python/describe.h"
#include "lib/python/python_repr.h"

namespace heapglass {
namespace {

constexpr std::size_t kLongestName = 4096;

// What a reference is called, and which dicts have names for keys.
class Names final : public EdgeSink {
 public:
  explicit Names(const Objects& objects) : objects_(objects) {}
  std::vector<Address> namespaces;

 private:
  void take(const Edge* edges, std::size_t count) override {
    for (const Edge* e = edges; e != edges + count; ++e) {
      if (e->kind == EdgeKind::kAttribute || e->kind == EdgeKind::kLocal) {
        if (Address{e->payload} != last_) objects_.str(last_ = Address{e->payload}, kLongestName);
      } else if (e->kind == EdgeKind::kSlot) {
        objects_.c_string(Address{e->payload});
      } else if (e->kind == EdgeKind::kDict) {
        namespaces.push_back(e->referent);
      }
    }
  }
  const Objects& objects_;
  Address last_{};
};

class Reader {
 public:
  Reader(Session& session, const TouchedPages& touched)
      : session_(session),
        graph_(session.graph()),
        touched_(touched),
        objects_(*session.capture().image, session.python()),
        interpreters_(read_interpreters(objects_, limits_, health_)),
        types_(objects_, limits_, health_) {}

  void read() {
    session_.python().self_check(objects_.image());
    for (const GraphType& type : graph_.types) types_.get(type.address);
    for (const PyRoot& root : read_roots(types_, interpreters_, health_))
      if (root.edge.kind == EdgeKind::kLocal) objects_.str(Address{root.edge.payload}, kLongestName);
    for (const PyInterpreter& interpreter : interpreters_) {
      each_tracked(
          objects_, interpreter, [](Address) {}, health_);
      namespaces_.push_back(
          objects_.pointer(interpreter.state, objects_.layout().PyInterpreterState.modules));
    }
    constexpr std::uint64_t kPiece = 1 << 10;  // blocks of the index
    const AddressIndex& index_of = *graph_.index;
    parallel_for((index_of.blocks() + kPiece - 1) / kPiece, [&](std::size_t piece, unsigned) {
      Names names(objects_);
      const References references(types_, health_);
      const HeapObjects values(types_, graph_, interpreters_);
      const std::uint64_t first = piece * kPiece, last = std::min(first + kPiece, index_of.blocks());
      std::uint32_t n = index_of.rank(first);
      index_of.each_in_blocks(first, last, [&](Address a) {
        if (const TypeInfo* type = types_.get(graph_.types[graph_.type[n++]].address))
          object(a, *type, references, values, names);
      });
      names.drain();
      const std::lock_guard lock(mutex_);
      namespaces_.insert(namespaces_.end(), names.namespaces.begin(), names.namespaces.end());
    });
    for (const Address dict : namespaces_)
      objects_.each_item(dict, [&](Address key, Address) { objects_.str(key, kLongestName); });
    // The allocators' records: where blocks are, and how large.
    memory_bill_of(session_);
  }

 private:
  void object(Address a, const TypeInfo& type, const References& references, const HeapObjects& values,
              Names& names) {
    const PyLayout& l = objects_.layout();
    objects_.type_of(a);
    objects_.refcount(a);
    is_tracked(objects_, a, type);
    values.length(a);
    references.visit(a, type, names);
    if (type.flags & kTpDictSubclass) hide_hashes(objects_.pointer(a, l.PyDictObject.ma_keys));
    if (type.body == Body::kSet) hide_hashes_of_set(a);
    if (type.body == Body::kModule) {
      short_repr(types_, a, type);
      names.namespaces.push_back(objects_.pointer(a, l.PyModuleObject.md_dict));
    } else if (type.flags & kTpTypeSubclass) {
      const std::lock_guard lock(mutex_);
      namespaces_.push_back(types_.type_dict(a));
    } else if (type.resolution == Resolution::kUnknown) {
      unknown(a, type, references, names);
    }
    if (is_named(type)) {
      short_repr(types_, a, type);
      if (type.name != "builtins.method") python_repr(types_, a, kLongestName);
    }
    if (type.name == "functools._lru_cache_wrapper") objects_.load(a, l.lru_cache_object.maxsize);
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
    return type.body == Body::kFrame || type.body == Body::kGenerator || type.flags & kTpTypeSubclass ||
           type.body == Body::kBuiltinMethod ||
           std::find(std::begin(kNamed), std::end(kNamed), type.name) != std::end(kNamed);
  }

  // Of what its body refers to only the objects are told.
  void unknown(Address a, const TypeInfo& type, const References& references, Names& names) {
    references.scan(a, type, names);
    const std::uint64_t head = static_cast<std::uint64_t>(objects_.layout().PyVarObject.size);
    const std::uint64_t items = type.itemsize ? objects_.item_count(a) : 0;
    const std::uint64_t end =
        static_cast<std::uint64_t>(type.basicsize) +
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

  Session& session_;
  const HeapGraph& graph_;
  const TouchedPages& touched_;
  Limits limits_;
  Health health_;
  const Objects objects_;
  const std::vector<PyInterpreter> interpreters_;
  TypeTable types_;
  std::mutex mutex_;
  std::vector<Address> namespaces_;
};

}  // namespace

void read_names_and_shapes(Session& session, const TouchedPages& touched) { Reader(session, touched).read(); }

}  // namespace heapglass
