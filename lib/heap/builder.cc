#include "lib/heap/builder.h"

#include <algorithm>
#include <optional>
#include <span>

#include "lib/base/parallel.h"
#include "lib/base/progress.h"
#include "lib/heap/marking.h"
#include "lib/python/greenlet_frames.h"
#include "lib/python/sizes.h"

namespace heapglass {
namespace {

struct Chunk {
  std::vector<std::uint32_t> counts;  // edges by node
  std::vector<NodeId> referents;
  std::vector<EdgeClass> classes;
  struct Large {
    std::uint32_t node;
    std::uint64_t bytes, of_another;
  };
  std::vector<Large> large;
  std::vector<std::pair<std::uint32_t, Address>> unsized;  // only their own code knows their size
  std::map<std::string, std::uint64_t> unresolved, by_word;
};

class Filler final : public EdgeSink {
 public:
  Filler(const AddressIndex& index, EdgeBudget& budget, Chunk& chunk)
      : index_(index), budget_(budget), chunk_(chunk) {}
  // Whether visited references are passed over: for an object of which the resolver gave them.
  void skip_visited(bool yes) {
    drain();
    skip_visited_ = yes;
  }
  // From here on references to these are passed over. Returns how many others were added since the last call.
  std::size_t pass_over(std::span<const Address> known) {
    drain();
    known_ = known;
    const std::size_t added = chunk_.referents.size() - counted_;
    counted_ = chunk_.referents.size();
    return added;
  }

 private:
  void take(const Edge* edges, std::size_t count) override {
    full_ = full_ || !budget_.spend(count);
    if (full_) return;  // counted while marking, which came this far too
    for (std::size_t i = 0; i < count; ++i) {
      bits_[i] = index_.bit_of(edges[i].referent).value_or(~std::uint64_t{0});
      if (bits_[i] != ~std::uint64_t{0}) index_.prefetch(bits_[i]);
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (bits_[i] == ~std::uint64_t{0} || (skip_visited_ && edges[i].cls == EdgeClass::kVisited)) continue;
      const NodeId id = index_.find_bit(bits_[i]);
      if (id == kNoNode) continue;
      if (std::find(known_.begin(), known_.end(), edges[i].referent) != known_.end()) continue;
      chunk_.referents.push_back(id);
      chunk_.classes.push_back(edges[i].cls);
    }
  }
  const AddressIndex& index_;
  EdgeBudget& budget_;
  Chunk& chunk_;
  bool skip_visited_ = false;
  std::span<const Address> known_;
  std::size_t counted_ = 0;
  std::uint64_t bits_[256];
};

// Objects whose __sizeof__ is C code that no size rule describes: the resolver runs that code.
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
  std::vector<bool> answered(objects.size());
  resolver->sizes(objects, [&](std::size_t i, std::uint64_t bytes) {
    answered[i] = true;
    if (bytes < SizeColumn::kLarge) {
      graph.size.set_small(nodes[i], static_cast<std::uint32_t>(bytes));
    } else {
      graph.size.set_large(nodes[i], bytes);
    }
  });
  std::vector<bool> sure(graph.types.size(), true);
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (!answered[i]) sure[graph.type[nodes[i]]] = false;
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

// Writes a marked heap down: types, sizes and references, chunk by chunk on all cores.
class Fill {
 public:
  Fill(HeapGraph& graph, TypeTable& types, const Marking& marking, const BuildOptions& options,
       ReadErrors& errors)
      : graph_(graph),
        index_(*graph.index),
        types_(types),
        objects_(types.objects()),
        marking_(marking),
        options_(options),
        errors_(errors),
        budget_(objects_.image()) {}

  void run() {
    order_types();
    cut_into_chunks();
    graph_.type.resize(index_.count());
    if (options_.sizes) {
      graph_.size.resize(index_.count());
      graph_.beyond.resize(index_.count());
    }
    parallel_for(chunks_.size(), [&](std::size_t c, unsigned) { fill_chunk(c); });
    for (const Chunk& chunk : chunks_) {
      for (const auto& [node, bytes, of_another] : chunk.large)
        graph_.size.set_large(node, bytes, of_another);
      for (const auto& [name, count] : chunk.unresolved) unresolved_[name] += count;
      for (const auto& [name, count] : chunk.by_word) by_word_[name] += count;
    }
    ask_sizes(options_.resolver, chunks_, graph_);
    if (options_.references) merge(chunks_, cuts_, graph_);
  }
  // How many objects have unknown references, by type or module.
  const std::map<std::string, std::uint64_t>& unresolved() const { return unresolved_; }
  // How many references were found as words alone, by the type of who has them.
  const std::map<std::string, std::uint64_t>& by_word() const { return by_word_; }

 private:
  // Types in an order that does not depend on which worker met them first.
  void order_types() {
    std::vector<const TypeInfo*> found = types_.all();
    graph_type_.resize(found.size());
    std::sort(found.begin(), found.end(), [](const TypeInfo* a, const TypeInfo* b) {
      return a->name != b->name ? a->name < b->name : value(a->address) < value(b->address);
    });
    for (std::uint32_t i = 0; i < found.size(); ++i) {
      graph_type_[found[i]->index] = i;
      graph_.types.push_back(
          {found[i]->name, found[i]->address, found[i]->resolution, found[i]->size_unsure, found[i]});
    }
  }

  // Chunks of about as many nodes each. A cut is between blocks, since only blocks know their first node.
  void cut_into_chunks() {
    constexpr std::uint32_t kChunkNodes = 1 << 16;
    for (std::uint64_t b = 1; b < index_.blocks(); ++b)
      if (index_.rank(b) - index_.rank(cuts_.back()) >= kChunkNodes) cuts_.push_back(b);
    cuts_.push_back(index_.blocks());
    chunks_.resize(cuts_.size() - 1);
  }

  void fill_chunk(std::size_t c) {
    Chunk& chunk = chunks_[c];
    TypeCache cache(types_);
    const References references(types_, counted_before_);
    std::uint32_t node = index_.rank(cuts_[c]);
    if (options_.references) {
      // Most heaps have two references an object: growing a list by doubling touches twice the memory.
      const std::size_t nodes = index_.rank(cuts_[c + 1]) - node;
      chunk.counts.reserve(nodes);
      chunk.referents.reserve(2 * nodes);
      chunk.classes.reserve(2 * nodes);
    }
    Filler filler(index_, budget_, chunk);
    index_.each_in_blocks(cuts_[c], cuts_[c + 1], [&](Address object) {
      const TypeInfo& type = *cache.get(objects_.type_of(object));
      graph_.type[node] = graph_type_[type.index];
      if (options_.sizes) fill_size(node, object, type, chunk);
      const ReferenceSource source = marking_.references_of(object, type);
      if (source.by == ReferenceSource::By::kScan || source.by == ReferenceSource::By::kNothing)
        ++chunk.unresolved[name_of_unresolved(object, type)];
      if (options_.references) {
        const std::size_t before = chunk.referents.size();
        fill_references(references, object, type, source, filler);
        if (const std::size_t words = fill_words(references, object, type, source, filler))
          chunk.by_word[type.name] += words;
        chunk.counts.push_back(static_cast<std::uint32_t>(chunk.referents.size() - before));
      }
      ++node;
    });
  }

  void fill_size(std::uint32_t node, Address object, const TypeInfo& type, Chunk& chunk) {
    if (type.size_by_c && options_.resolver) chunk.unsized.emplace_back(node, object);
    const ObjectSize size = size_of(objects_, object, type);
    if (size.impossible) errors_.skip(Skip::kImplausibleSize, object);
    if (const std::uint64_t values = attribute_values_bytes(objects_, object, type))
      graph_.beyond.set_small(node, static_cast<std::uint32_t>(values));
    const bool counts_twice = size.included && index_.find(size.includes) != kNoNode;
    if (size.bytes < SizeColumn::kLarge && !counts_twice) {
      graph_.size.set_small(node, static_cast<std::uint32_t>(size.bytes));
    } else {
      chunk.large.push_back({node, size.bytes, counts_twice ? size.included : 0});
    }
  }

  static void fill_references(const References& references, Address object, const TypeInfo& type,
                              const ReferenceSource& source, Filler& filler) {
    const bool resolved = source.by == ReferenceSource::By::kResolver;
    if (resolved) {
      for (const Address a : source.visited) filler.add(a, EdgeKind::kUnknown, 0, EdgeClass::kVisited);
      filler.skip_visited(true);
    }
    references.visit(object, type, filler);
    if (source.by == ReferenceSource::By::kScan) references.scan(object, type, filler);
    if (resolved) filler.skip_visited(false);
    filler.drain();
  }

  // How many references it added. What the resolver has told is told.
  std::size_t fill_words(const References& references, Address object, const TypeInfo& type,
                         const ReferenceSource& source, Filler& filler) const {
    constexpr std::size_t kMany = 1000;  // a collection, whose items are not in its struct
    if (!type.words_end || !options_.scan || source.by == ReferenceSource::By::kScan ||
        source.visited.size() > kMany)
      return 0;
    filler.pass_over(source.visited);
    references.words(object, type, filler);
    return filler.pass_over({});
  }

  // The type, or the module with its name where its C state alone is unknown.
  std::string name_of_unresolved(Address object, const TypeInfo& type) const {
    if (type.resolution != Resolution::kExact) return type.name;
    const Address name = objects_.pointer(object, objects_.layout().PyModuleObject.md_name);
    return "C state of module " + objects_.str(name, 200).value_or("?");
  }

  HeapGraph& graph_;
  const AddressIndex& index_;
  TypeTable& types_;
  const Objects& objects_;
  const Marking& marking_;
  const BuildOptions& options_;
  ReadErrors& errors_;
  ReadErrors counted_before_;  // takes the losses that marking has counted
  EdgeBudget budget_;
  std::vector<std::uint32_t> graph_type_;  // by TypeInfo::index
  std::vector<std::uint64_t> cuts_{0};     // blocks: chunk c has those from cuts_[c] to cuts_[c + 1]
  std::vector<Chunk> chunks_;
  std::map<std::string, std::uint64_t> unresolved_, by_word_;
};

}  // namespace

HeapGraph build_graph(const std::shared_ptr<const Image>& image, TypeTable& types,
                      const std::vector<PyInterpreter>& interpreters, const BuildOptions& options,
                      ReadErrors& health, BuildReport& report) {
  HeapGraph graph;
  graph.index = std::make_unique<AddressIndex>(image);
  for (const PyInterpreter& i : interpreters) report.collecting |= i.collecting;

  std::optional<InStage> stage(Stage::kObjects);
  GreenletFrames greenlets(types);
  for (const Address greenlet : tracked_greenlets(types, interpreters, health)) greenlets.learn(greenlet);
  types.set_greenlet_frame(report.greenlet_frame = greenlets.place());
  std::vector<PyRoot> roots = read_roots(types, interpreters, health);
  std::optional<GcWorkLists> work_lists;
  if (report.collecting) work_lists.emplace(image, types, options.stack_pointers);
  Marking marking(*graph.index, types, options, health, report);
  marking.run(interpreters, roots, work_lists ? &*work_lists : nullptr);
  graph.index->freeze();

  stage.reset();
  stage.emplace(Stage::kReferences);
  Fill fill(graph, types, marking, options, health);
  fill.run();
  for (const auto& [name, count] : fill.unresolved()) report.unresolved[name] += count;
  report.by_word = fill.by_word();
  graph.roots = graph_roots(*graph.index, std::move(roots));
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
