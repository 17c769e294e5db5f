#include "lib/graph/builder.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <unordered_set>

#include "lib/base/parallel.h"
#include "lib/python/sizes.h"

namespace heapglass {
namespace {

// Objects waiting to be visited, shared between the workers in batches.
class WorkPool {
 public:
  explicit WorkPool(unsigned workers) : workers_(workers) {}
  bool hungry() const { return idle_.load(std::memory_order_relaxed) > 0; }
  void give(std::vector<Address> batch) {
    std::lock_guard lock(mutex_);
    batches_.push_back(std::move(batch));
    ready_.notify_one();
  }
  // False when nobody has work any more.
  bool take(std::vector<Address>& into) {
    std::unique_lock lock(mutex_);
    idle_.fetch_add(1);
    while (batches_.empty()) {
      if (idle_.load() == workers_) {
        ready_.notify_all();
        return false;
      }
      ready_.wait(lock);
    }
    idle_.fetch_sub(1);
    into = std::move(batches_.back());
    batches_.pop_back();
    return true;
  }

 private:
  const unsigned workers_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::vector<std::vector<Address>> batches_;
  std::atomic<unsigned> idle_{0};
};

class Marker final : public EdgeSink {
 public:
  Marker(AddressIndex& index, TypeTable& types, Health& health, WorkPool& pool)
      : index_(index), objects_(types.objects()), cache_(types), references_(types, health), health_(health),
        pool_(pool), ob_type_(objects_.layout().PyObject.ob_type) {}

  // Marks an object that a reference of whatever kind leads to. False: there is no object.
  bool mark(Address object) {
    const auto bit = index_.bit_of(object);
    if (!bit) return false;
    if (index_.test(*bit)) return true;
    const TypeInfo* type = cache_.get(objects_.type_of(object));
    // What was freed has a count of zero, or a free list's link where the count was.
    if (!type || objects_.refcount(object) == 0) return false;
    if (index_.set(*bit) && (type->has_references || type->flags & kTpTypeSubclass)) stack_.push_back(object);
    return true;
  }

  // Visits what is waiting until nothing is left anywhere.
  void run() {
    while (true) {
      work();
      if (!pool_.take(stack_)) return;
    }
  }
  void work() {
    while (!stack_.empty() || pending()) {
      // Several objects before their references are looked at: a full batch can be fetched ahead.
      while (!stack_.empty() && collected_ < 96) {
        const Address object = stack_.back();
        stack_.pop_back();
        if (!stack_.empty())
          if (const std::byte* next = objects_.image().at(stack_.back(), 16)) __builtin_prefetch(next);
        const TypeInfo* type = cache_.get(objects_.type_of(object));
        collected_ += 8;
        if (type) references_.visit(object, *type, *this);
      }
      drain();
      collected_ = 0;
      share();
    }
  }
  void share() {
    if (stack_.size() > 64 && pool_.hungry()) {
      const std::size_t half = stack_.size() / 2;
      std::vector<Address> batch(stack_.begin(), stack_.begin() + static_cast<std::ptrdiff_t>(half));
      stack_.erase(stack_.begin(), stack_.begin() + static_cast<std::ptrdiff_t>(half));
      pool_.give(std::move(batch));
    }
  }

 private:
  bool pending() const { return collected_ > 0; }
  void take(const Edge* edges, std::size_t count) override {
    std::uint64_t bits[256];
    for (std::size_t i = 0; i < count; ++i) {
      bits[i] = ~std::uint64_t{0};
      if (edges[i].cls > EdgeClass::kOwned) continue;
      const auto bit = index_.bit_of(edges[i].referent);
      if (!bit) {
        health_.skip(Skip::kBadReference, edges[i].referent);
        continue;
      }
      bits[i] = *bit;
      index_.prefetch(*bit);
      if (const std::byte* header = objects_.image().at(edges[i].referent, 16)) __builtin_prefetch(header);
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (bits[i] == ~std::uint64_t{0} || index_.test(bits[i])) continue;
      if (!mark(edges[i].referent)) health_.skip(Skip::kBadReference, edges[i].referent);
    }
  }

  AddressIndex& index_;
  const Objects& objects_;
  TypeCache cache_;
  References references_;
  Health& health_;
  WorkPool& pool_;
  const std::int32_t ob_type_;
  std::vector<Address> stack_;
  std::size_t collected_ = 0;
};

void mark_everything(AddressIndex& index, TypeTable& types, const std::vector<PyInterpreter>& interpreters,
                     const std::vector<PyRoot>& roots, Health& health, BuildReport& report) {
  std::atomic<bool> more{true};
  std::size_t types_marked = 0;
  bool first = true;
  while (more) {
    more = false;
    WorkPool pool(worker_count());
    on_each_worker([&](unsigned worker) {
      Marker marker(index, types, health, pool);
      if (worker == 0 && first) {
        for (const PyRoot& root : roots) {
          if (root.guess) continue;
          if (!marker.mark(root.object)) health.skip(Skip::kBadReference, root.object);
        }
        std::unordered_set<std::uint64_t> lists;  // to 3.8 all interpreters share one collector
        for (const PyInterpreter& interpreter : interpreters) {
          if (!lists.insert(value(interpreter.gc)).second) continue;
          std::uint64_t n = 0;
          report.lists_closed &= each_tracked(
              types.objects(), interpreter,
              [&](Address object) {
                if (!marker.mark(object)) health.skip(Skip::kBadReference, object);
                if (++n % 256 == 0) marker.share();
              },
              health);
          report.tracked += n;
        }
      }
      if (worker == 0 && !first) {
        const std::vector<const TypeInfo*> all = types.all();
        for (std::size_t i = types_marked; i < all.size(); ++i)
          if (!marker.mark(all[i]->address)) health.skip(Skip::kBadType, all[i]->address);
        types_marked = all.size();
      }
      marker.run();
    });
    first = false;
    // Types are objects too, and what hangs on them may be of new types.
    if (types.all().size() > types_marked) more = true;
  }
}

struct Chunk {
  std::vector<std::uint32_t> counts;    // edges by node
  std::vector<NodeId> referents;
  std::vector<EdgeClass> classes;
  std::vector<std::pair<std::uint32_t, std::uint64_t>> large;  // node, bytes
  std::map<std::string, std::uint64_t> unresolved;
};

class Filler final : public EdgeSink {
 public:
  Filler(const AddressIndex& index, Chunk& chunk) : index_(index), chunk_(chunk) {}

 private:
  void take(const Edge* edges, std::size_t count) override {
    for (std::size_t i = 0; i < count; ++i) {
      bits_[i] = index_.bit_of(edges[i].referent).value_or(~std::uint64_t{0});
      if (bits_[i] != ~std::uint64_t{0}) index_.prefetch(bits_[i]);
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (bits_[i] == ~std::uint64_t{0}) continue;
      const NodeId id = index_.find_bit(bits_[i]);
      if (id == kNoNode) continue;
      chunk_.referents.push_back(id);
      chunk_.classes.push_back(edges[i].cls);
    }
  }
  const AddressIndex& index_;
  Chunk& chunk_;
  std::uint64_t bits_[256];
};

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
  const auto name = o.str(o.pointer(module, l.md_name), 200);
  return !name || !types.module_state(*name);
}

}  // namespace

HeapGraph build_graph(std::shared_ptr<const Image> image, TypeTable& types,
                      const std::vector<PyInterpreter>& interpreters, const BuildOptions& options, Health& health,
                      BuildReport& report) {
  HeapGraph graph;
  graph.index = std::make_unique<AddressIndex>(image);
  AddressIndex& index = *graph.index;
  const Objects& objects = types.objects();
  for (const PyInterpreter& i : interpreters) report.collecting |= i.collecting;

  std::vector<PyRoot> roots = read_roots(types, interpreters, health);
  mark_everything(index, types, interpreters, roots, health, report);
  index.freeze();

  // Types in an order that does not depend on which worker came first.
  std::vector<const TypeInfo*> found = types.all();
  std::vector<std::uint32_t> graph_type(found.size());
  std::sort(found.begin(), found.end(), [](const TypeInfo* a, const TypeInfo* b) {
    return a->name != b->name ? a->name < b->name : value(a->address) < value(b->address);
  });
  for (std::uint32_t i = 0; i < found.size(); ++i) {
    graph_type[found[i]->index] = i;
    graph.types.push_back({found[i]->name, found[i]->address, found[i]->resolution, found[i]->size_unsure, found[i]});
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
  Health seen_before;  // the same losses were counted while marking
  parallel_for(chunks.size(), [&](std::size_t c, unsigned) {
    Chunk& chunk = chunks[c];
    TypeCache cache(types);
    const References references(types, seen_before);
    std::uint32_t node = index.rank(cuts[c]);
    if (options.references) chunk.counts.reserve(index.rank(cuts[c + 1]) - node);
    Filler filler(index, chunk);
    index.each_in_blocks(cuts[c], cuts[c + 1], [&](Address object) {
      const TypeInfo* type = cache.get(objects.type_of(object));
      graph.type[node] = graph_type[type->index];
      if (options.sizes) {
        const std::uint64_t bytes = size_of(objects, object, *type).bytes;
        if (bytes < SizeColumn::kLarge) {
          graph.size.set_small(node, static_cast<std::uint32_t>(bytes));
        } else {
          chunk.large.emplace_back(node, bytes);
        }
      }
      if (type->resolution != Resolution::kExact) ++chunk.unresolved[type->name];
      if (type->body == Body::kModule && has_unknown_state(objects, types, object))
        ++chunk.unresolved["C state of module " +
                           objects.str(objects.pointer(object, objects.layout().PyModuleObject.md_name), 200)
                               .value_or("?")];
      if (options.references) {
        const std::size_t before = chunk.referents.size();
        references.visit(object, *type, filler);
        if (type->resolution == Resolution::kUnknown) references.scan(object, *type, filler);
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
  if (options.references) {
    std::uint64_t edges = 0;
    for (const Chunk& chunk : chunks) edges += chunk.referents.size();
    graph.first_edge.reserve(std::size_t{n} + 1);
    graph.referent.reserve(edges);
    graph.edge_class.reserve(edges);
    graph.first_edge.push_back(0);
    for (Chunk& chunk : chunks) {
      for (const std::uint32_t count : chunk.counts) graph.first_edge.push_back(graph.first_edge.back() + count);
      graph.referent.insert(graph.referent.end(), chunk.referents.begin(), chunk.referents.end());
      graph.edge_class.insert(graph.edge_class.end(), chunk.classes.begin(), chunk.classes.end());
      chunk = Chunk();  // each chunk's memory goes back before the next is copied
    }
  }
  for (PyRoot& root : roots) {
    const NodeId node = index.find(root.object);
    if (node != kNoNode) graph.roots.push_back({node, root.kind, std::move(root.holder), root.edge, root.guess});
  }
  return graph;
}

Referrers reverse(const HeapGraph& graph) {
  Referrers reversed;
  const std::uint32_t n = graph.nodes();
  reversed.first.assign(std::size_t{n} + 1, 0);
  for (const NodeId to : graph.referent) ++reversed.first[index(to) + std::size_t{1}];
  for (std::size_t i = 1; i <= n; ++i) reversed.first[i] += reversed.first[i - 1];
  reversed.referrer.resize(graph.referent.size());
  std::vector<std::uint64_t> next(reversed.first.begin(), reversed.first.end() - 1);
  for (std::uint32_t from = 0; from < n; ++from)
    for (const NodeId to : graph.referents(NodeId{from})) reversed.referrer[next[index(to)]++] = NodeId{from};
  return reversed;
}

}  // namespace heapglass
