#include "lib/graph/builder.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_set>

#include "lib/base/parallel.h"
#include "lib/graph/loose_lists.h"
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

// What the resolver told, by object.
class Resolved {
 public:
  void add(Address object, std::uint32_t type, std::vector<Address>::size_type before) {
    entries_.push_back({object, before, static_cast<std::uint32_t>(referents.size() - before), type});
  }
  // In order of address, without the types that `distrusted` holds.
  void sort(const std::unordered_set<std::uint32_t>& distrusted) {
    std::erase_if(entries_, [&](const Entry& e) { return distrusted.count(e.type) > 0; });
    std::sort(entries_.begin(), entries_.end(),
              [](const Entry& a, const Entry& b) { return value(a.object) < value(b.object); });
  }
  std::optional<std::span<const Address>> find(Address object) const {
    const auto at = std::lower_bound(entries_.begin(), entries_.end(), object,
                                     [](const Entry& e, Address a) { return value(e.object) < value(a); });
    if (at == entries_.end() || at->object != object) return std::nullopt;
    return std::span(referents).subspan(at->first, at->count);
  }
  std::size_t size() const { return entries_.size(); }
  std::vector<Address> referents;

 private:
  struct Entry {
    Address object{};
    std::uint64_t first = 0;
    std::uint32_t count = 0, type = 0;
  };
  std::vector<Entry> entries_;
};

// A word of memory refers once, so that there are no more references than words, but for those that a
// resolver tells. Lists whose damaged sizes make each of them claim all of memory would be as many as their
// product.
class EdgeBudget {
 public:
  explicit EdgeBudget(const Image& image)
      : left_(static_cast<std::int64_t>(image.heap_positions() / 8 * kTimes + kTimes * 4096)) {}
  // False: no more.
  bool spend(std::size_t edges) {
    return left_.fetch_sub(static_cast<std::int64_t>(edges), std::memory_order_relaxed) > 0;
  }

 private:
  static constexpr std::uint64_t kTimes = 4;  // two readers may tell one word; the rest is for doubt
  std::atomic<std::int64_t> left_;
};

class Marker final : public EdgeSink {
 public:
  // `unknown` takes the objects whose references no layout tells, where that is asked for.
  Marker(AddressIndex& index, TypeTable& types, Health& health, WorkPool& pool, EdgeBudget& budget,
         std::vector<Address>* unknown)
      : index_(index),
        types_(types),
        objects_(types.objects()),
        cache_(types),
        references_(types, health),
        health_(health),
        pool_(pool),
        budget_(budget),
        unknown_(unknown) {}

  // Marks an object that a reference of whatever kind leads to. False: there is no object.
  bool mark(Address object) {
    const auto bit = index_.bit_of(object);
    if (!bit) return false;
    if (index_.test(*bit)) return true;
    const TypeInfo* type = cache_.get(objects_.type_of(object));
    // What was freed has a count of zero, or a free list's link where the count was.
    if (!type || objects_.refcount(object) == 0) return false;
    if (index_.set(*bit)) {
      if (type->has_references || type->flags & kTpTypeSubclass) stack_.push_back(object);
      if (unknown_ && unknown_references(types_, object, *type)) unknown_->push_back(object);
    }
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
    if (full_) return;
    if (!budget_.spend(count)) {
      full_ = true;
      return health_.skip(Skip::kTooMany, edges[0].referent);
    }
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
  TypeTable& types_;
  const Objects& objects_;
  TypeCache cache_;
  References references_;
  Health& health_;
  WorkPool& pool_;
  EdgeBudget& budget_;
  std::vector<Address>* const unknown_;
  std::vector<Address> stack_;
  std::size_t collected_ = 0;
};

struct AskedCount {
  std::uint64_t asked = 0, failed = 0;
};
using AskedCounts = std::map<const TypeInfo*, AskedCount>;

// The objects of all workers, in order of address: it does not depend on the workers, and memory is read as
// it lies.
std::vector<Address> gather(std::vector<std::vector<Address>>& of_workers) {
  std::vector<Address> all;
  for (std::vector<Address>& of_worker : of_workers) {
    all.insert(all.end(), of_worker.begin(), of_worker.end());
    of_worker.clear();
  }
  std::sort(all.begin(), all.end());
  return all;
}

// Asks about the objects found since it was last asked, and leaves those that it could not tell. What they
// refer to goes to `told`. False where it cannot be asked again.
bool ask_resolver(Resolver& resolver, TypeTable& types, std::vector<Address>& objects, Resolved& resolved,
                  AskedCounts& asked, std::vector<Address>& told) {
  if (objects.empty()) return true;
  TypeCache cache(types);
  std::vector<bool> answered(objects.size());
  const bool again =
      resolver.resolve(objects, [&](std::size_t i, bool known, std::span<const Address> referents) {
        answered[i] = known;
        const TypeInfo* type = cache.get(types.objects().type_of(objects[i]));
        if (!type) return;
        AskedCount& count = asked[type];
        ++count.asked;
        if (!known) {
          ++count.failed;
          return;
        }
        const std::size_t before = resolved.referents.size();
        resolved.referents.insert(resolved.referents.end(), referents.begin(), referents.end());
        resolved.add(objects[i], type->index, before);
        told.insert(told.end(), referents.begin(), referents.end());
      });
  std::size_t left = 0;
  for (std::size_t i = 0; i < objects.size(); ++i)
    if (!answered[i]) objects[left++] = objects[i];
  objects.resize(left);
  return again;
}

// Objects that nothing but words of unknown bodies leads to.
class GuessedObjects final : public EdgeSink {
 public:
  GuessedObjects(const AddressIndex& index, TypeTable& types, EdgeBudget& budget)
      : index_(index), types_(types), budget_(budget), cache_(types) {}
  std::vector<Address> found;

 private:
  void take(const Edge* edges, std::size_t count) override {
    if (full_ || (full_ = !budget_.spend(count))) return;
    for (const Edge& e : std::span(edges, count)) {
      const auto bit = index_.bit_of(e.referent);
      if (e.cls == EdgeClass::kGuess && bit && !index_.test(*bit) && looks_like_object(e.referent))
        found.push_back(e.referent);
    }
  }
  // Any word at all may come here, so that more is asked than of what is known to be a reference.
  bool looks_like_object(Address a) {
    const Objects& o = types_.objects();
    const auto type_bit = index_.bit_of(o.type_of(a));
    if (!type_bit || !index_.test(*type_bit)) return false;
    const TypeInfo* type = cache_.get(o.type_of(a));
    if (!type || !o.image().at(a, static_cast<std::uint64_t>(type->basicsize))) return false;
    // A freed block begins with the address of the next free one.
    const auto word = o.load<std::uint64_t>(a, o.layout().PyObject.ob_refcnt).value_or(0);
    const bool flags_above = o.python().rules.refcount_is_32_bit;
    if (flags_above && word >> 32 & 0xffff) return false;
    const std::uint64_t count = flags_above ? word & 0xffffffff : word;
    const bool immortal = o.python().rules.immortal_objects && count >> 31 == 1;
    if (count == 0 || (count > kMostReferences && !immortal)) return false;
    // Whatever the collector tracks was found on its lists, and what is not there is none any more.
    return !is_tracked(o, a, *type);
  }
  static constexpr std::uint64_t kMostReferences = std::uint64_t{1} << 31;
  const AddressIndex& index_;
  TypeTable& types_;
  EdgeBudget& budget_;
  TypeCache cache_;
};

void mark_everything(AddressIndex& index, TypeTable& types, const std::vector<PyInterpreter>& interpreters,
                     const std::vector<PyRoot>& roots, const BuildOptions& options, Resolved& resolved,
                     LooseLists* loose, Health& health, BuildReport& report) {
  Resolver* resolver = options.resolver;
  std::atomic<bool> more{true};
  std::size_t types_marked = 0;
  bool first = true;
  std::vector<std::vector<Address>> unknown(worker_count());
  std::vector<Address> told;  // by the resolver, a list of the running collection, or guessed: to be marked
  std::vector<Address> guessing;  // what nobody can tell about
  AskedCounts asked;
  EdgeBudget budget(types.objects().image());
  while (more) {
    more = false;
    WorkPool pool(worker_count());
    on_each_worker([&](unsigned worker) {
      Marker marker(index, types, health, pool, budget,
                    resolver || options.scan ? &unknown[worker] : nullptr);
      if (worker == 0 && first) {
        for (const PyRoot& root : roots) {
          if (root.guess) continue;
          if (!marker.mark(root.object)) health.skip(Skip::kBadReference, root.object);
        }
        std::unordered_set<std::uint64_t> lists;  // to 3.8 all interpreters share one collector
        for (const PyInterpreter& interpreter : interpreters) {
          if (!lists.insert(value(interpreter.gc)).second) continue;
          std::uint64_t n = 0, bad = 0;
          Address first_bad{};
          const bool closed = each_tracked(
              types.objects(), interpreter,
              [&](Address object) {
                if (!marker.mark(object) && ++bad == 1) first_bad = object;
                if (loose) loose->know(object);
                if (++n % 256 == 0) marker.share();
              },
              health);
          // A walk that has lost its way meets whatever lies there, as often as it goes round: that is one
          // contradiction.
          if (!closed) bad = std::min<std::uint64_t>(bad, 1);
          for (; bad > 0; --bad) health.skip(Skip::kBadReference, first_bad);
          report.lists_closed &= closed;
          report.tracked += n;
        }
      }
      if (worker == 0 && !first) {
        const std::vector<const TypeInfo*> all = types.all();
        for (std::size_t i = types_marked; i < all.size(); ++i)
          if (!marker.mark(all[i]->address)) health.skip(Skip::kBadType, all[i]->address);
        types_marked = all.size();
      }
      if (worker == 0) {
        for (std::size_t i = 0; i < told.size(); ++i) {
          if (!marker.mark(told[i])) health.skip(Skip::kBadReference, told[i]);
          if (i % 256 == 0) marker.share();
        }
        told.clear();
      }
      marker.run();
    });
    first = false;
    // Types are objects too, and what hangs on them may be of new types.
    const auto new_types = [&] { return types.all().size() > types_marked; };
    std::vector<Address> untold = gather(unknown);
    if (resolver && !ask_resolver(*resolver, types, untold, resolved, asked, told)) resolver = nullptr;
    guessing.insert(guessing.end(), untold.begin(), untold.end());
    if (loose) {
      const std::vector<Address> members = loose->find(index);
      report.loose += members.size();
      report.tracked += members.size();
      told.insert(told.end(), members.begin(), members.end());
    }
    // Guesses come last: an object's type and what else is known for sure speaks for it.
    if (!new_types() && told.empty() && options.scan) {
      GuessedObjects guessed(index, types, budget);
      Health unheard;  // the same losses are counted when the graph is filled
      const References references(types, unheard);
      for (const Address object : guessing) {
        if (const TypeInfo* type = types.get(types.objects().type_of(object)))
          references.scan(object, *type, guessed);
      }
      guessed.drain();
      std::sort(guessed.found.begin(), guessed.found.end());
      guessed.found.erase(std::unique(guessed.found.begin(), guessed.found.end()), guessed.found.end());
      report.guessed += guessed.found.size();
      told = std::move(guessed.found);
      guessing.clear();
    }
    if (!told.empty() || new_types()) more = true;
  }
  std::unordered_set<std::uint32_t> distrusted;
  for (const auto& [type, counts] : asked) {
    // One in a hundred may be caught half made; more, and the code does not work there.
    // Modules are told by code of their own each.
    if (counts.failed * 100 <= counts.asked || type->body == Body::kModule) continue;
    distrusted.insert(type->index);
    report.distrusted[type->name] += counts.asked;
  }
  resolved.sort(distrusted);
  report.resolved = resolved.size();
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
  void take_visited(bool yes) {
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
         (type.body == Body::kModule && has_unknown_state(types.objects(), types, object));
}

HeapGraph build_graph(std::shared_ptr<const Image> image, TypeTable& types,
                      const std::vector<PyInterpreter>& interpreters, const BuildOptions& options,
                      Health& health, BuildReport& report) {
  HeapGraph graph;
  graph.index = std::make_unique<AddressIndex>(image);
  AddressIndex& index = *graph.index;
  const Objects& objects = types.objects();
  for (const PyInterpreter& i : interpreters) report.collecting |= i.collecting;

  std::vector<PyRoot> roots = read_roots(types, interpreters, health);
  Resolved resolved;
  std::optional<LooseLists> loose;
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
  Health seen_before;  // the same losses were counted while marking
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
          filler.take_visited(false);
        }
        references.visit(object, *type, filler);
        if (!told && (unknown || unknown_state) && options.scan) references.scan(object, *type, filler);
        if (told) filler.take_visited(true);
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
