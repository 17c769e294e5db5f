// What an object refers to, exactly as its tp_traverse would tell it, and what it owns besides.
#pragma once

#include <optional>

#include "lib/base/read_errors.h"
#include "lib/python/edges.h"
#include "lib/python/types.h"

namespace heapglass {

class References {
 public:
  References(TypeTable& types, ReadErrors& health)
      : types_(types), objects_(types.objects()), layout_(objects_.layout()), health_(health) {}

  // Adds every reference of `object` to `sink`, which keeps the last batch until it is drained. Visited
  // references are those of gc.get_referents, with multiplicity.
  void visit(Address object, const TypeInfo& type, EdgeSink& sink) const;
  // The references that a running or suspended interpreter frame holds (3.11+).
  // Of one that executes, and whose stack of values has no known depth, nothing or the variables.
  enum class Executing { kNothing, kLocals };
  void visit_interpreter_frame(Address frame, EdgeSink& sink,
                               Executing executing = Executing::kNothing) const;
  // What an object of unknown structure may refer to, all of it kGuess: what the nearest described base of
  // its type would tell, its type, and every word of the rest of its body, or of a module's C state. Who
  // takes them must check each.
  void scan(Address object, const TypeInfo& type, EdgeSink& sink) const;
  // The words of an extension's struct that no tp_traverse and no layout tells (TypeInfo::words_end), all of
  // it kGuess, to be checked as above. Where there is a tp_traverse, it has told every object that the
  // collector may have to know: only others are left.
  void words(Address object, const TypeInfo& type, EdgeSink& sink) const;

 private:
  void instance_dict(Address object, const TypeInfo& type, EdgeSink& sink) const;
  void inline_values(Address values, std::uint64_t capacity, const TypeInfo& type, EdgeSink& sink) const;
  void pointers(Address array, std::uint64_t count, EdgeKind kind, EdgeSink& sink, Address owner,
                std::uint64_t first_payload = 0) const;
  void dict(Address object, EdgeSink& sink) const;
  void list(Address object, EdgeSink& sink) const;
  void tuple(Address object, std::uint64_t count, EdgeSink& sink) const;
  void struct_sequence(Address object, const TypeInfo& type, EdgeSink& sink) const;
  void set(Address object, EdgeSink& sink) const;
  void deque(Address object, EdgeSink& sink) const;
  void ordered_dict(Address object, EdgeSink& sink) const;
  void type_object(Address object, EdgeSink& sink) const;
  void module(Address object, EdgeSink& sink) const;
  void old_frame(Address object, EdgeSink& sink) const;
  void frame_object(Address object, EdgeSink& sink) const;
  void generator(Address object, EdgeSink& sink) const;
  void lru_cache(Address object, EdgeSink& sink) const;
  void builtin_method(Address object, EdgeSink& sink) const;
  void element(Address object, EdgeSink& sink) const;
  void tee_data(Address object, EdgeSink& sink) const;
  void simple_queue(Address object, EdgeSink& sink) const;
  void ctypes_type(Address object, EdgeSink& sink) const;
  void pickler_memo(Address object, EdgeSink& sink) const;
  void unpickler_memo(Address object, EdgeSink& sink) const;
  void sqlite_connection(Address object, EdgeSink& sink) const;
  void element_iterator(Address object, EdgeSink& sink) const;
  void regex_template(Address object, EdgeSink& sink) const;
  void sqlite_cache(Address object, EdgeSink& sink) const;
  void capsule(Address object, EdgeSink& sink) const;
  void greenlet(Address object, EdgeSink& sink) const;
  void numpy_array(Address object, EdgeSink& sink) const;
  void string_writer(Address object, EdgeSink& sink) const;
  void time_zone(Address object, const TypeInfo& type, EdgeSink& sink) const;
  void method_caller(Address object, EdgeSink& sink) const;
  bool visits_own_type(const TypeInfo& type) const;
  // Of a type of Cython's functions: its version, 3002 for 3.2.
  std::optional<int> cython_function_version(const TypeInfo& type) const;
  bool is_name_or_code(Address object) const;
  void scan_module_state(Address module, EdgeSink& sink) const;
  void module_state_body(Address state, TraverseRule body, EdgeSink& sink) const;
  void hamt_node(Address object, TraverseRule body, EdgeSink& sink) const;

  TypeTable& types_;
  const Objects& objects_;
  const PyLayout& layout_;
  ReadErrors& health_;
};

}  // namespace heapglass
