#include "lib/report/object_report.h"

#include <algorithm>
#include <bit>
#include <span>

#include "lib/graph/dominators.h"
#include "lib/heap/external_bytes.h"
#include "lib/heap/holders.h"
#include "lib/heap/path_text.h"
#include "lib/python/collector_lists.h"
#include "lib/python/describe.h"
#include "lib/python/python_repr.h"
#include "lib/render/numbers.h"

namespace heapglass {
namespace {

constexpr std::size_t kShownReprColumns = 500;

// Names of the type's bases in the order in which attributes are looked up, without the type itself.
List bases_of(TypeTable& types, const TypeInfo& type) {
  List names;
  const Objects& o = types.objects();
  const PyLayout& l = o.layout();
  const Address mro = o.pointer(type.address, l.PyTypeObject.tp_mro);
  constexpr std::int64_t kMost = 100;
  const std::int64_t n = is_null(mro) ? 0 : std::min(o.ob_size(mro), kMost);
  for (std::int64_t i = 1; i < n; ++i)
    if (const TypeInfo* base =
            types.get(o.pointer(mro, l.PyTupleObject.ob_item + static_cast<std::int32_t>(8 * i))))
      names.push_back(base->name);
  return names;
}

struct FirstOfAll {
  std::vector<NodeId> first;  // in order, each once
  std::size_t all = 0;
};

// The first `most` (0: all) of nodes that may come several times and in any order. Of a million, which have
// no time to be sorted, each sets its bit.
FirstOfAll first_of_all(std::span<const NodeId> nodes, std::size_t in_graph, std::size_t most) {
  FirstOfAll out;
  constexpr std::size_t kMany = 4096;
  if (nodes.size() < kMany) {
    out.first.assign(nodes.begin(), nodes.end());
    std::sort(out.first.begin(), out.first.end());
    out.first.erase(std::unique(out.first.begin(), out.first.end()), out.first.end());
    out.all = out.first.size();
    if (most && out.all > most) out.first.resize(most);
    return out;
  }
  std::vector<std::uint64_t> bits(in_graph / 64 + 1);
  for (const NodeId n : nodes) bits[index(n) / 64] |= std::uint64_t{1} << (index(n) % 64);
  for (std::size_t word = 0; word < bits.size(); ++word) {
    out.all += static_cast<std::size_t>(std::popcount(bits[word]));
    for (std::uint64_t left = bits[word]; left && (!most || out.first.size() < most); left &= left - 1)
      out.first.push_back(
          NodeId{static_cast<std::uint32_t>(word * 64 + static_cast<unsigned>(std::countr_zero(left)))});
  }
  return out;
}

// One line of the table of those who hold it, or whom it holds.
class ReferenceTables {
 public:
  explicit ReferenceTables(const Heap& heap) : s_(heap), labels_(heap.labels()), values_(heap.view()) {}

  Table of(const std::string& key, const std::string& title, NodeId object, bool holders, std::size_t most) {
    const HeapGraph& graph = s_.graph();
    const auto all = holders ? labels_.referrers().of(object) : graph.referents(object);
    const FirstOfAll nodes = first_of_all({all.begin(), all.end()}, graph.nodes(), most);
    Table out{.key = key,
              .title = title,
              .columns = {{"label", "as", Kind::kText},
                          {"id", "id", Kind::kAddress},
                          {"type", "type", Kind::kText},
                          {"repr", "repr", Kind::kText},
                          {"sure", "", Kind::kText, Audience::kPrograms}}};
    for (const NodeId n : nodes.first) {
      std::string text;
      bool guess = false;
      for (const Labels::Label& label : holders ? labels_.between(n, object) : labels_.between(object, n)) {
        text += (text.empty() ? "" : ", ") + label.text + (label.cls == EdgeClass::kWeak ? " (weak)" : "") +
                (label.cls == EdgeClass::kGuess ? " (a guess)" : "");
        guess |= label.cls == EdgeClass::kGuess;
      }
      const TypeInfo& type = labels_.type_of(n);
      out.rows.push_back(
          {text, labels_.address(n), type.name, short_repr(s_.types(), labels_.address(n), type), !guess});
    }
    if (nodes.first.size() < nodes.all)
      out.notes.push_back(std::to_string(nodes.all - nodes.first.size()) + " more: --limit 0 shows all");
    return out;
  }

 private:
  const Heap& s_;
  Labels& labels_;
  const ObjectView& values_;
};

// Type(name=value, ...) of what the instance has by name; empty where it has nothing so.
std::string by_attributes(Labels& labels, NodeId node) {
  constexpr std::size_t kMost = 20;
  std::string text;
  std::size_t shown = 0;
  auto add = [&](const std::string& name, Address value) {
    if (shown > kMost) return;
    const TypeInfo* type = labels.types().get(labels.types().objects().type_of(value));
    if (!type) return;
    const std::string repr = short_repr(labels.types(), value, *type);
    const std::string what = type->name.starts_with("builtins.") ? type->name.substr(9) : type->name;
    text += shown ? ", " : "";
    text += ++shown > kMost ? "..." : name + "=" + (repr.empty() ? what : repr);
  };
  for (const Edge& e : labels.references_of(node)) {
    if (e.kind == EdgeKind::kAttribute || e.kind == EdgeKind::kSlot)
      add(edge_label(labels.types(), e, true), e.referent);
    if (e.kind == EdgeKind::kDict) {
      const Objects& o = labels.types().objects();
      o.each_item(e.referent, [&](Address key, Address value) {
        add(o.str(key, 60).value_or("?"), value);
        return shown <= kMost;
      });
    }
  }
  return text.empty() ? text : labels.type_of(node).name + "(" + text + ")";
}

std::string collector_state(const Heap& s, Address a, const TypeInfo& type) {
  if (!type.has_gc) return "not known to the collector: its type has no references";
  return is_tracked(s.objects(), a, type) ? "tracked" : "untracked";
}

}  // namespace

Document object_document(const Heap& s, NodeId node, std::size_t most, const AllocationSites& sites) {
  const HeapGraph& graph = s.graph();
  Labels& labels = s.labels();
  const ObjectView& values = s.view();
  const Dominators& dominators = s.dominators();
  const Address a = labels.address(node);
  const TypeInfo& type = labels.type_of(node);

  Document document;
  auto field = [&](const char* key, const char* title, Kind kind, Cell value) {
    document.fields.push_back({{key, title, kind}, std::move(value)});
  };
  field("id", "id", Kind::kAddress, a);
  field("type", "type", Kind::kText, type.name);
  field("bases", "bases", Kind::kSentence, bases_of(s.types(), type));
  const std::string is = describe_container(labels, values, node);
  if (!is.empty() && is != type.name) field("is", "is", Kind::kSentence, is);
  const PythonRepr repr = python_repr(s.types(), a, kShownReprColumns);
  // Python code may write another: what lies in the object is what can be known.
  const std::string attributes = type.flags & kTpHeapType ? by_attributes(labels, node) : std::string();
  const std::string plain = short_repr(s.types(), a, type, kShownReprColumns);
  field("repr", "repr", Kind::kSentence, !attributes.empty() ? attributes : repr.sure ? repr.text : plain);
  if (const auto length = values.length(a)) field("length", "length", Kind::kCount, *length);
  field("size", "size", Kind::kBytes, graph.size[index(node)]);
  if (sites.tracing()) {
    List calls;
    for (const std::string& call : sites.lines_of(node)) calls.push_back(call);
    field("site", "allocated by", Kind::kSentence, calls.empty() ? Cell() : Cell(std::move(calls)));
  }
  field("external_bytes", "in buffers of its own", Kind::kBytes, buffers_of(graph, s.objects(), node).all);
  field("retained_bytes", "retained", Kind::kBytes, dominators.retained_bytes(node));
  field("retained_objects", "objects retained", Kind::kCount,
        std::uint64_t{dominators.retained_objects(node)});
  const std::uint64_t count = s.objects().refcount(a);
  const bool immortal = s.python().rules.immortal_objects && static_cast<std::int32_t>(count) < 0;
  // A referrer stands once for each of its references.
  const std::uint64_t found = s.referrers().of(node).size() - s.weak_references(node);
  std::uint64_t roots = 0;
  for (const GraphRoot& root : graph.roots) roots += root.node == node && !root.guess;
  field("refcount", "reference count", Kind::kText,
        immortal ? Cell("immortal") : Cell(std::to_string(count)));
  field("found", "references found", Kind::kCount, found);
  field("roots", "from frames and the interpreter", Kind::kCount, roots);
  if (!immortal && count > found + roots)
    field("unaccounted", "from C code", Kind::kCount, count - found - roots);
  field("gc", "collector", Kind::kText, collector_state(s, a, type));

  PathFormatter teller(labels, values);
  const auto path = s.root_paths().shortest(node, 1);
  field("path", "path", Kind::kSentence,
        path.empty() ? std::string("nothing from outside leads there: garbage that a collection would free")
                     : teller.tell(path[0]).text);
  const NodeId dominator = dominators.dominator(node);
  if (dominator != kNoNode) {
    const TypeInfo& holder = labels.type_of(dominator);
    field("dominator", "kept by", Kind::kSentence,
          holder.name + " " + short_repr(s.types(), labels.address(dominator), holder) + " at " +
              to_hex(labels.address(dominator)) + " alone");
  }
  // The same for programs that walk on.
  List on_path;
  if (!path.empty())
    for (const NodeId n : path[0]) on_path.push_back(labels.address(n));
  document.fields.push_back({{"path_ids", "", Kind::kAddress, Audience::kPrograms}, std::move(on_path)});
  document.fields.push_back({{"dominator_id", "", Kind::kAddress, Audience::kPrograms},
                             dominator == kNoNode ? Cell() : Cell(labels.address(dominator))});
  ReferenceTables references(s);
  document.sections.push_back(references.of("referents", "holds", node, false, most));
  document.sections.push_back(references.of("referrers", "held by", node, true, most));
  return document;
}

}  // namespace heapglass
