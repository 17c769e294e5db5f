// What expressions ask of objects, answered from a captured heap.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "lib/expression/expression.h"
#include "lib/heap/heap_graph.h"
#include "lib/python/references.h"

namespace heapglass {

// From one thread at a time. All borrowed.
class ObjectView final : public ExpressionObjects {
 public:
  // `retained_bytes`, where it is given, is asked only where an expression or a caller asks.
  ObjectView(TypeTable& types, const HeapGraph& graph, const std::vector<PyInterpreter>& interpreters,
             std::function<std::uint64_t(NodeId)> retained_bytes = {})
      : retained(std::move(retained_bytes)),
        types_(types),
        cache_(types),
        graph_(graph),
        interpreters_(interpreters),
        references_(types, scratch_) {}

  // Retained sizes, where they can be computed.
  const std::function<std::uint64_t(NodeId)> retained;

  ExpressionValue field(Address object, ExpressionField field) const override;
  bool is_instance(Address object, std::string_view type) const override;
  ExpressionValue value(Address object) const override;
  Address attribute(Address object, std::string_view name) const override;
  Address item(Address object, const ExpressionValue& key) const override;

  // len(object) of the builtin containers, str, bytes and what is derived from them.
  std::optional<std::uint64_t> length(Address object) const;
  std::optional<std::uint64_t> length(Address object, const TypeInfo& type) const;  // the same, of its type
  // sys.modules[module.__name__] is module.
  bool is_in_sys_modules(Address object) const;

 private:
  const TypeInfo* type_of(Address object) const { return cache_.get(objects().type_of(object)); }
  const Objects& objects() const { return types_.objects(); }
  Address dict_item(Address dict, const ExpressionValue& key) const;

  TypeTable& types_;
  mutable TypeCache cache_;
  const HeapGraph& graph_;
  const std::vector<PyInterpreter>& interpreters_;
  ReadErrors scratch_;
  References references_;
  // By type: is it one of those, or derived from one?
  mutable std::unordered_map<std::string, std::unordered_map<std::uint64_t, bool>> derived_;
  mutable std::optional<std::unordered_set<std::uint64_t>> proper_modules_;
};

}  // namespace heapglass
