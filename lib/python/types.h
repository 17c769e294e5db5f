// Type objects of the target: their names, and how their instances are read.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/base/limits.h"
#include "lib/base/read_errors.h"
#include "lib/python/c_types.h"
#include "lib/python/edges.h"
#include "lib/python/objects.h"

namespace heapglass {

// A name that edges point to; stays where it is as long as the TypeTable lives.
struct FieldName {
  std::string name;
};

struct ObjectField {
  std::int32_t offset = 0;  // bytes from the object
  EdgeKind kind = EdgeKind::kField;
  EdgeClass cls = EdgeClass::kVisited;
  std::uint64_t payload = 0;
  bool after_items = false;  // counted from the end of a variable-size object's items
};

enum class InstanceDict : std::uint8_t { kNone, kAtOffset, kManaged };

// How well the references of a type's instances are known.
enum class Resolution : std::uint8_t {
  kExact,    // by layouts
  kUnknown,  // a C type whose tp_traverse nobody has described: its body is scanned
};

struct TypeInfo {
  Address address{};
  std::uint32_t index = 0;  // in order of discovery; NodeIds and reports use the graph's own order
  std::string name;         // module.qualname, "builtins.dict"
  std::uint64_t flags = 0;  // tp_flags
  std::int64_t basicsize = 0, itemsize = 0, dictoffset = 0, weaklistoffset = 0;
  Address tp_traverse{}, base{};
  bool has_gc = false;
  Resolution resolution = Resolution::kExact;

  // The plan for references: fields at fixed places, the instance's own dict or values, then the body.
  std::vector<ObjectField> fields;
  InstanceDict dict = InstanceDict::kNone;
  TraverseRule body = TraverseRule::kNone;

  // The plan for sizes.
  SizeRule size_rule = SizeRule::kObject;
  bool size_unsure = false;               // a __sizeof__ that we do not know, or one written in Python
  bool size_by_c = false;                 // of those: written in C
  BufferRule buffer = BufferRule::kNone;  // memory that __sizeof__ says nothing of
  std::uint32_t pre_header_size = 0;      // bytes in front of the object that sys.getsizeof adds
  // True where an instance has outgoing references at all: others need only be marked.
  bool has_references = false;
  // The end of an extension's own struct, in bytes from the object, where its type's tp_traverse does not
  // tell all that its fields refer to: it has none, or is code that leaves out what can be part of no cycle.
  // References are looked for among its words. 0: nothing is left out.
  std::int64_t words_end = 0;
  // greenlet.greenlet or derived from it, of a release whose state is apart from the object (2.0 and later):
  // frames on which one is suspended belong to it.
  bool is_greenlet = false;
};

class TypeTable {
 public:
  TypeTable(const Objects& objects, const Limits& limits, ReadErrors& health);
  ~TypeTable();

  // nullptr where `type` is no type object that makes sense. From many threads.
  const TypeInfo* get(Address type);
  // Every type seen so far, by index.
  std::vector<const TypeInfo*> all() const;
  const Objects& objects() const { return objects_; }

  // The real dict, subclasses and weak list of a type object: static builtin types of 3.12+ keep them in the
  // interpreter's state.
  Address type_dict(Address type) const;
  Address type_field(Address type, std::int32_t in_type, std::int32_t in_state) const;
  // What a module's m_traverse visits.
  struct ModuleState {
    std::vector<ObjectField> fields;  // offsets in the state
    TraverseRule body = TraverseRule::kNone;
    bool visits_type = false;
    std::uint64_t size = 0;  // of the state; 0: no layout tells
  };
  // nullptr: not known, also where the state is not as large as the layout's.
  const ModuleState* module_state(Address module);
  // What stands in front of a module's name: "[interpreter 2] "; empty where there is nothing to say. They
  // are set before anybody asks.
  void label_module(Address module, const std::string& label) {
    module_labels_.try_emplace(static_cast<std::uint64_t>(module), label);
  }
  std::string module_label(Address module) const {
    const auto at = module_labels_.find(static_cast<std::uint64_t>(module));
    return at == module_labels_.end() ? std::string() : at->second;
  }
  // The FieldName of this name, as an edge's payload. From many threads.
  std::uint64_t field_name(std::string_view name);
  // The PyMemberDefs of a heap type that hold objects.
  void add_slots(Address type, std::vector<ObjectField>& out) const;
  // To 3.10: is a table looked up by this function one for keys of every kind? Then tp_traverse visits its
  // keys.
  bool is_general_lookup(Address dk_lookup) const { return !is_null(lookdict_) && dk_lookup == lookdict_; }
  Address subtype_traverse() const { return subtype_traverse_; }
  Address type_type() const { return type_type_; }
  // Where greenlets have the frame on which they are suspended (greenlet_frames.h). Set before anybody asks.
  void set_greenlet_frame(std::int32_t place) { greenlet_frame_ = place; }
  std::int32_t greenlet_frame() const { return greenlet_frame_; }
  // Those of the version, and what this build of it has of later ones.
  const VersionTraits& rules() const { return rules_; }

 private:
  struct Rows;
  Address find_lookdict() const;
  std::unique_ptr<TypeInfo> build(Address type);
  std::string name_of(Address type, std::uint64_t flags) const;
  bool parse_fields(std::string_view structure, std::string_view fields, EdgeKind kind, EdgeClass cls,
                    std::vector<ObjectField>& out);
  // Has the layout what the reader of this body needs?
  bool can_read(TraverseRule body) const;
  const ModuleState* described_state(const std::string& md_name);
  // Is a type not as large as its row's struct? Distributions put a field more into a release that they keep
  // (Ubuntu's 3.12.3 has pyexpat's of 3.12.12), and no layout table can know.
  bool has_another_size(Address type, const CTypeRow& row) const;
  void place_offsets(Address base, std::vector<ObjectField>& fields) const;
  void mark_own_dict(Address base, std::vector<ObjectField>& fields) const;
  void plan_references(TypeInfo& info);
  Address plan_subtype_traverse(TypeInfo& info);
  void plan_by_row(TypeInfo& info, const CTypeRow& row, Address base, bool visits);
  bool is_greenlet(Address type) const;
  void plan_words(TypeInfo& info, Address base);
  void plan_size(TypeInfo& info);
  // The C row for a type or the ancestor whose tp_traverse it inherits; nullptr: none.
  const CTypeRow* row_for(Address type, Address tp_traverse) const;

  const Objects& objects_;
  const Limits& limits_;
  ReadErrors& health_;
  std::int32_t greenlet_frame_ = kAbsent;
  LayoutSources sources_;
  VersionTraits rules_;
  std::unique_ptr<Rows> rows_;
  Address subtype_traverse_{};
  Address type_type_{};
  Address lookdict_{};            // to 3.10
  Address structseq_traverse_{};  // tp_traverse of all struct sequences, from 3.8 on their own
  Address static_types_{};        // managed_static_type_state[] of the main interpreter
  Address extension_types_{};
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::uint64_t, std::unique_ptr<TypeInfo>> by_address_;
  std::vector<const TypeInfo*> by_index_;
  std::unordered_map<std::uint64_t, std::string> module_labels_;

  std::mutex names_mutex_;
  std::unordered_map<std::string, std::unique_ptr<FieldName>> field_names_;
  std::unordered_map<std::string, std::unique_ptr<ModuleState>> module_states_;
};

// One worker's memory of the types it met last: most objects are of few types.
class TypeCache {
 public:
  explicit TypeCache(TypeTable& table) : table_(table) {}
  const TypeInfo* get(Address type) {
    Entry& e = entries_[(value(type) >> 4 ^ value(type) >> 14) % kSize];
    if (e.address != type) {
      e.type = table_.get(type);
      e.address = type;
    }
    return e.type;
  }

 private:
  static constexpr std::size_t kSize = 1024;
  struct Entry {
    Address address{};
    const TypeInfo* type = nullptr;
  };
  TypeTable& table_;
  std::vector<Entry> entries_ = std::vector<Entry>(kSize);
};

}  // namespace heapglass
