#include "lib/heap/builder.h"

#include <algorithm>
#include <optional>
#include <span>

#include "lib/base/parallel.h"
#include "lib/heap/marking.h"
#include "lib/python/sizes.h"

namespace heapglass {
namespace {

// A module whose C state is visited by an m_traverse that no row describes.
bool has_unknown_state(const Objects& o, TypeTable& types, Address module) {
  const auto& l = o.layout().PyModuleObject;
  if (l.md_def == kAbsent) {
    if (is_null(o.pointer(module, l.md_state_traverse))) return false;
  } else {
    const Address def = o.pointer(module, l.md_def);
    if (is_null(def) || is_null(o.pointer(def, o.layout().PyModuleDef.m_traverse))) return false;
  }
  if (is_null(o.pointer(module, l.md_state))) return false;
  return !types.module_state(module);
}

struct Chunk {
  std::vector<std::uint32_t> counts;  // edges by node
  std::vector<NodeId> referents;
  std::vector<EdgeClass> classes;
  std::vector<std::pair<std::uint32_t, std::uint64_t>> large;  // node, bytes
  std::vector<std::pair<std::uint32_t, Address>> unsized;      // their own code alone knows their size
  std::map<std::string, std::uint64_t> unresolved;
};

class Filler final : public EdgeSink {
 public:
  Filler(const AddressIndex& index, EdgeBudget& budget, Chunk& chunk)
      : index_(index), budget_(budget), chunk_(chunk) {}
  // Whether visited references count: not those of an object that has told its own.
  void skip_visited(bool yes) {
    drain();
    visited_ = yes;
  }

 private:
  void take(const Edge* edges, std::size_t count) override {
    if (full_ || (full_ = !budget_.spend(count))) return;  // counted while marking, which came this far too
    for (std::size_t i = 0; i < count; ++i) {
      bits_[i] = index_.bit_of(edges[i].referent).value_or(~std::uint64_t{0});
      if (bits_[i] != ~std::uint64_t{0}) index_.prefetch(bits_[i]);
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (bits_[i] == ~std::uint64_t{0} || (!visited_ && edges[i].cls == EdgeClass::kVisited)) continue;
      const NodeId id = index_.find_bit(bits_[i]);
      if (id == kNoNode) continue;
      chunk_.referents.push_back(id);
      chunk_.classes.push_back(edges[i].cls);
    }
  }
  const AddressIndex& index_;
  EdgeBudget& budget_;
  Chunk& chunk_;
  bool visited_ = true;
  std::uint64_t bits_[256];
};

// Objects whose __sizeof__ is C code that no rule describes: that code tells.
void ask_sizes(Resolver* resolver, const std::vector<Chunk>& chunks, HeapGraph& graph) {
  std::vector<Address> objects;
  std::vector<std::uint32_t> nodes;
  for (const Chunk& chunk : chunks) {
    for (const auto& [node, object] : chunk.unsized) {
      nodes.push_back(node);
      objects.push_back(object);
    }
  }
  if (objects.empty()) return;
  std::vector<bool> told(objects.size());
  resolver->sizes(objects, [&](std::size_t i, std::uint64_t bytes) {
    told[i] = true;
    if (bytes < SizeColumn::kLarge) {
      graph.size.set_small(nodes[i], static_cast<std::uint32_t>(bytes));
    } else {
      graph.size.set_large(nodes[i], bytes);
    }
  });
  std::vector<bool> sure(graph.types.size(), true);
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (!told[i]) sure[graph.type[nodes[i]]] = false;
  for (const std::uint32_t node : nodes)
    if (sure[graph.type[node]]) graph.types[graph.type[node]].size_unsure = false;
}

// The references of all chunks, the first of which have the first nodes.
void merge(std::vector<Chunk>& chunks, const std::vector<std::uint64_t>& cuts, HeapGraph& graph) {
  std::vector<std::uint64_t> first{0};
  for (const Chunk& chunk : chunks) first.push_back(first.back() + chunk.referents.size());
  graph.first_edge.resize(std::size_t{graph.nodes()} + 1);
  graph.referent.resize(first.back());
  graph.edge_class.resize(first.back());
  graph.first_edge[0] = 0;
  parallel_for(chunks.size(), [&](std::size_t c, unsigned) {
    Chunk& chunk = chunks[c];
    std::uint64_t edge = first[c];
    std::size_t node = graph.index->rank(cuts[c]);
    for (const std::uint32_t count : chunk.counts) graph.first_edge[++node] = edge += count;
    const auto at = static_cast<std::ptrdiff_t>(first[c]);
    std::copy(chunk.referents.begin(), chunk.referents.end(), graph.referent.begin() + at);
    std::copy(chunk.classes.begin(), chunk.classes.end(), graph.edge_class.begin() + at);
    chunk = Chunk();  // its memory goes back before the next is copied
  });
}

}  // namespace

bool unknown_references(TypeTable& types, Address object, const TypeInfo& type) {
  return type.resolution == Resolution::kUnknown ||
         (type.body == TraverseRule::kModule && has_unknown_state(types.objects(), types, object));
}

HeapGraph build_graph(std::shared_ptr<const Image> image, TypeTable& types,
                      const std::vector<PyInterpreter>& interpreters, const BuildOptions& options,
                      ReadErrors& health, BuildReport& report) {
  HeapGraph graph;
  graph.index = std::make_unique<AddressIndex>(image);
  AddressIndex& index = *graph.index;
  const Objects& objects = types.objects();
  for (const PyInterpreter& i : interpreters) report.collecting |= i.collecting;

  std::vector<PyRoot> roots = read_roots(types, interpreters, health);
  Resolved resolved;
  std::optional<GcWorkLists> loose;
  if (report.collecting) loose.emplace(image, types, options.stack_pointers);
  mark_everything(index, types, interpreters, roots, options, resolved, loose ? &*loose : nullptr, health,
                  report);
  index.freeze();

  // Types in an order that does not depend on which worker came first.
  std::vector<const TypeInfo*> found = types.all();
  std::vector<std::uint32_t> graph_type(found.size());
  std::sort(found.begin(), found.end(), [](const TypeInfo* a, const TypeInfo* b) {
    return a->name != b->name ? a->name < b->name : value(a->address) < value(b->address);
  });
  for (std::uint32_t i = 0; i < found.size(); ++i) {
    graph_type[found[i]->index] = i;
    graph.types.push_back(
        {found[i]->name, found[i]->address, found[i]->resolution, found[i]->size_unsure, found[i]});
  }

  const std::uint32_t n = index.count();
  graph.type.resize(n);
  if (options.sizes) graph.size.resize(n);
  // Chunks of about as many nodes: by blocks, since only those know their first node.
  constexpr std::uint32_t kChunkNodes = 1 << 16;
  std::vector<std::uint64_t> cuts{0};
  for (std::uint64_t b = 1; b < index.blocks(); ++b)
    if (index.rank(b) - index.rank(cuts.back()) >= kChunkNodes) cuts.push_back(b);
  cuts.push_back(index.blocks());
  std::vector<Chunk> chunks(cuts.size() - 1);
  ReadErrors seen_before;  // the same losses were counted while marking
  EdgeBudget budget(*image);
  parallel_for(chunks.size(), [&](std::size_t c, unsigned) {
    Chunk& chunk = chunks[c];
    TypeCache cache(types);
    const References references(types, seen_before);
    std::uint32_t node = index.rank(cuts[c]);
    if (options.references) {
      // Most heaps have two references an object: growing a list by doubling touches twice the memory.
      const std::size_t nodes = index.rank(cuts[c + 1]) - node;
      chunk.counts.reserve(nodes);
      chunk.referents.reserve(2 * nodes);
      chunk.classes.reserve(2 * nodes);
    }
    Filler filler(index, budget, chunk);
    index.each_in_blocks(cuts[c], cuts[c + 1], [&](Address object) {
      const TypeInfo* type = cache.get(objects.type_of(object));
      graph.type[node] = graph_type[type->index];
      if (options.sizes) {
        if (type->size_by_c && options.resolver) chunk.unsized.emplace_back(node, object);
        const ObjectSize size = size_of(objects, object, *type);
        if (size.impossible) health.skip(Skip::kImplausibleSize, object);
        const std::uint64_t bytes = size.bytes;
        if (bytes < SizeColumn::kLarge) {
          graph.size.set_small(node, static_cast<std::uint32_t>(bytes));
        } else {
          chunk.large.emplace_back(node, bytes);
        }
      }
      const bool unknown = type->resolution != Resolution::kExact;
      const bool unknown_state = !unknown && unknown_references(types, object, *type);
      std::optional<std::span<const Address>> told;
      if (unknown || unknown_state) told = resolved.find(object);
      if (!told && unknown) ++chunk.unresolved[type->name];
      if (!told && unknown_state)
        ++chunk.unresolved["C state of module " +
                           objects.str(objects.pointer(object, objects.layout().PyModuleObject.md_name), 200)
                               .value_or("?")];
      if (options.references) {
        const std::size_t before = chunk.referents.size();
        if (told) {
          for (const Address a : *told) filler.add(a, EdgeKind::kUnknown, 0, EdgeClass::kVisited);
          filler.skip_visited(false);
        }
        references.visit(object, *type, filler);
        if (!told && (unknown || unknown_state) && options.scan) references.scan(object, *type, filler);
        if (told) filler.skip_visited(true);
        filler.drain();
        chunk.counts.push_back(static_cast<std::uint32_t>(chunk.referents.size() - before));
      }
      ++node;
    });
  });
  for (Chunk& chunk : chunks) {
    for (const auto& [node, bytes] : chunk.large) graph.size.set_large(node, bytes);
    for (const auto& [name, count] : chunk.unresolved) report.unresolved[name] += count;
  }
  ask_sizes(options.resolver, chunks, graph);
  if (options.references) merge(chunks, cuts, graph);
  graph.roots = graph_roots(index, std::move(roots));
  return graph;
}

std::vector<GraphRoot> graph_roots(const AddressIndex& index, std::vector<PyRoot> roots) {
  std::vector<GraphRoot> out;
  for (PyRoot& root : roots) {
    const NodeId node = index.find(root.object);
    if (node != kNoNode) out.push_back({node, root.kind, std::move(root.holder), root.edge, root.guess});
  }
  return out;
}

}  // namespace heapglass
