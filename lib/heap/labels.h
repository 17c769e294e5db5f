// What the references of a graph are called: the steps of app.cache['k'].handlers[3], for pictures, paths and
// tables. The graph's arrays say who holds whom; the names are read from the objects once more, on demand.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "lib/heap/heap_graph.h"
#include "lib/python/item_names.h"
#include "lib/python/references.h"

namespace heapglass {

// From one thread at a time.
class Labels {
 public:
  // All borrowed. The graph has references, and `referrers` is its reverse.
  Labels(TypeTable& types, const HeapGraph& graph, const Referrers& referrers)
      : types_(types),
        graph_(graph),
        referrers_(referrers),
        references_(types, scratch_),
        item_names_(types) {}

  struct Label {
    // "cache" of an attribute, slot, field of a namedtuple, local variable or namespace, "['user:17']" of a
    // dict, "[3]" of a sequence, "__dict__", "cell_contents"; empty where nobody can name it.
    std::string text;
    EdgeKind kind = EdgeKind::kUnknown;
    EdgeClass cls = EdgeClass::kVisited;  // kWeak and kGuess look different
    bool close = false;                   // part of what the holder is: its dict, a field, a name in it
  };
  // Every reference of `holder` to `held`, each name once, in the order that the holder has them.
  std::vector<Label> between(NodeId holder, NodeId held);

  // What its reference number `nth` (from 0) to `held` is called.
  std::string name_of(NodeId holder, NodeId held, std::size_t nth);

  // What the holder calls an item that is a field of its class; empty: it is none, or not proved to be one.
  std::string item_name(NodeId holder, const Edge& edge);
  // That where there is one, else as edge_label() has it.
  std::string reference_name(NodeId holder, const Edge& edge, bool names);

  // All references of `holder`, those included that only its own code has told (kUnknown). Kept.
  const std::vector<Edge>& references_of(NodeId holder);
  // A dict whose keys are names: of a module, a class or an instance.
  bool is_namespace(NodeId node);
  // Makes ready what the questions above take long for once: the references of objects that have many, those
  // of most first, until `most` references are kept, 28 bytes each. Then each question is as short as of any
  // other object.
  void prepare_large(std::uint64_t most);
  // Gives back the memory of what is kept; what references_of() gave is gone.
  void forget();

  const TypeInfo& type_of(NodeId n) const { return *graph_.types[graph_.type[index(n)]].info; }
  Address address(NodeId n) const { return graph_.index->address(n); }
  TypeTable& types() const { return types_; }
  const HeapGraph& graph() const { return graph_; }
  const Referrers& referrers() const { return referrers_; }

 private:
  void add_told(NodeId n, std::vector<Edge>& edges) const;
  // The names of the cells in a function's closure; null: it is no closure.
  Address closure_names(NodeId tuple, std::int64_t& first);

  TypeTable& types_;
  const HeapGraph& graph_;
  const Referrers& referrers_;
  ReadErrors scratch_;
  References references_;
  ItemNames item_names_;
  // What the names of a holder's references to one referent depend on.
  struct Naming {
    bool names = false;      // the holder is a namespace
    Address cells{};         // names of a closure's cells, where the holder is one
    std::int64_t first = 0;  // which of those is the first
  };
  Naming naming(NodeId holder, NodeId held);
  Label label(NodeId holder, const Edge& edge, const Naming& naming);
  // By number in references_of(holder): how many refer to `referent`, and which is the nth of them.
  class ReferencesTo;

  std::unordered_map<std::uint32_t, std::vector<Edge>> edges_;
  // Of holders with many: how often they were asked about, and their references' numbers in order of
  // referent, for who asks about them one by one.
  struct OrderOfReferences {
    std::uint32_t lookups = 0;
    std::vector<std::uint32_t> order;  // empty before it is worth it
  };
  std::unordered_map<std::uint32_t, OrderOfReferences> by_referent_;
  std::unordered_map<std::uint32_t, bool> namespaces_;
};

}  // namespace heapglass
