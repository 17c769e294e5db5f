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
#include "lib/python/item_names.h"
#include "lib/python/own_dict.h"
#include "lib/python/python_repr.h"
#include "lib/python/weak_references.h"
#include "lib/snapshot/hidden_content.h"
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

// What is no value is read from what content_rules() leave, as from the file: first the shapes of everything,
// then the names, which are texts that are revealed where they stand.
class Reader {
 public:
  Reader(const Heap& heap, const ReadRecorder& touched)
      : heap_(heap),
        graph_(heap.graph()),
        touched_(touched),
        parts_(heap),
        content_(heap, parts_, touched, std::nullopt),
        objects_(*heap.capture().image, heap.python()),
        interpreters_(read_interpreters(objects_, limits_, health_)),
        types_(objects_, limits_, health_) {
    for (const GraphType& type : graph_.types) {
      infos_.push_back(types_.get(type.address));
      kinds_.push_back(infos_.back() ? kind_of(*infos_.back()) : Kind{});
    }
  }

  void read() {
    content_.reveal_names(content_.hide());
    reveal_lengths_of_struct_sequences();
    // Lists are walked by one thread only.
    auto lists = std::async(std::launch::async, [&] {
      for (const PyInterpreter& interpreter : interpreters_)
        each_tracked(
            objects_, interpreter, [](Address) {}, health_);
    });
    each_object([&](Address a, NodeId node, const References& references, const ObjectView& values,
                    Names& names) { shape(a, node, references, values, names); });
    lists.get();
    names();
    record_tasks(heap_);
    record_locks(heap_, touched_);
    read_tracemalloc(objects_, [&](Address file) { content_.reveal(file, Exempt::kNames); });
    content_.cut_ends();
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
    bool is_number = false;  // one of a fixed size
    bool has_name = false;   // its description is a name of the program
    bool is_lru_cache = false;
    bool is_plain = false;  // refers to nothing, and is known to no collector
  };
  static Kind kind_of(const TypeInfo& type) {
    Kind kind{type.name == "builtins.float" || type.name == "builtins.complex",
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
    if (type.body == TraverseRule::kModule) {
      names.of_modules_and_classes.push_back(objects_.pointer(a, l.PyModuleObject.md_dict));
    } else if (type.flags & kTpTypeSubclass) {
      names.of_modules_and_classes.push_back(types_.type_dict(a));
    } else if (type.resolution == Resolution::kUnknown || type.words_end) {
      // Of what its body refers to only the objects are told.
      if (type.resolution == Resolution::kUnknown)
        references.scan(a, type, names);
      else
        references.words(a, type, names);
    }
    if (kind.has_name) {
      const std::lock_guard lock(mutex_);
      named_.push_back(a);
    }
    if (kind.is_lru_cache) objects_.load(a, l.lru_cache_object.maxsize);
  }

  void names() {
    namespaces();
    each_of(c_strings_, [&](Address text) {
      content_.reveal_c_string(text);
      objects_.c_string(text);
    });
    heap_.python().self_check(objects_.image());
    Limits limits;
    ReadErrors health;
    const auto interpreters = read_interpreters(objects_, limits, health);
    TypeTable types(objects_, limits, health);
    for (const GraphType& type : graph_.types) types.get(type.address);
    for (const PyRoot& root : read_roots(types, interpreters, health))
      if (root.edge.kind == EdgeKind::kLocal) texts_.push_back(Address{root.edge.payload});
    make_unique(texts_);
    each_of(texts_, [&](Address text) { name(text); });
    // Those of items stand in the dicts of classes, with what proves them.
    ItemNames item_names(types);
    for (const GraphType& type : graph_.types)
      if (const TypeInfo* info = types.get(type.address)) item_names.of(*info);
    each_of(named_, [&](Address a) {
      const TypeInfo& type = *types.get(objects_.type_of(a));
      short_repr(types, a, type);
      if (type.name != "builtins.method" && type.body != TraverseRule::kModule)
        python_repr(types, a, kLongestName);
    });
  }

  std::optional<std::string> name(Address text) const {
    content_.reveal(text, Exempt::kNames);
    return objects_.str(text, kLongestName);
  }

  // Whose keys are names: of attributes, of modules, and of the variables of a class body or of exec().
  void namespaces() {
    const PyLayout& l = objects_.layout();
    const bool has_frame_objects = l.PyInterpreterFrame.f_locals == kAbsent;
    for (const PyInterpreter& interpreter : interpreters_) {
      namespaces_.push_back(objects_.pointer(interpreter.state, l.PyInterpreterState.modules));
      for (const PyThread& thread : interpreter.threads)
        for (const PyFrame& frame : thread.frames) {
          const Address locals = objects_.pointer(
              frame.frame, has_frame_objects ? l.PyFrameObject.f_locals : l.PyInterpreterFrame.f_locals);
          if (!is_null(locals) && objects_.flags_of(locals) & kTpDictSubclass) namespaces_.push_back(locals);
        }
    }
    make_unique(namespaces_);
    each_of(namespaces_,
            [&](Address dict) { objects_.each_item(dict, [&](Address key, Address) { name(key); }); });
    each_of(of_modules_and_classes_, [&](Address dict) {
      objects_.each_item(dict, [&](Address key, Address item) {
        const auto text = name(key);
        if (text == "__name__" || text == "__module__") name(item);
      });
    });
    // The version of the interpreter stands in a text of sys.
    for (const PyInterpreter& interpreter : interpreters_)
      name(objects_.item(objects_.pointer(interpreter.state, l.PyInterpreterState.sysdict), "version"));
  }

  static void make_unique(std::vector<Address>& addresses) {
    std::sort(addresses.begin(), addresses.end());
    addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  }

  // How many references an instance has stands in its class, as a number of the program's.
  void reveal_lengths_of_struct_sequences() {
    for (const TypeInfo* type : infos_) {
      if (!type || type->body != TraverseRule::kStructSequence) continue;
      parts_.objects().each_item(types_.type_dict(type->address), [&](Address key, Address item) {
        if (!parts_.objects().str_equals(key, "n_fields")) return;
        content_.reveal(key, Exempt::kNames);
        content_.reveal(item, Exempt::kKnownNumbers);
      });
    }
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

  const Heap& heap_;
  const HeapGraph& graph_;
  const ReadRecorder& touched_;
  const ContentParts parts_;
  HiddenContent content_;
  Limits limits_;
  ReadErrors health_;
  const Objects objects_;
  const std::vector<PyInterpreter> interpreters_;
  TypeTable types_;
  std::vector<const TypeInfo*> infos_;  // by type of the graph
  std::vector<Kind> kinds_;             // the same
  std::mutex mutex_;
  std::vector<Address> texts_, c_strings_, namespaces_, of_modules_and_classes_, named_;
};

}  // namespace

void record_redacted(const Heap& heap, const ReadRecorder& touched) { Reader(heap, touched).read(); }

}  // namespace heapglass
