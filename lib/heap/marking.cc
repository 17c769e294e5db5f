#include "lib/heap/marking.h"

#include <condition_variable>
#include <mutex>

#include "lib/base/parallel.h"

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
  // `unknown` takes the objects whose references no layout tells, where that is asked for.
  Marker(AddressIndex& index, TypeTable& types, ReadErrors& health, WorkPool& pool, EdgeBudget& budget,
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
  ReadErrors& health_;
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

}  // namespace

void mark_everything(AddressIndex& index, TypeTable& types, const std::vector<PyInterpreter>& interpreters,
                     const std::vector<PyRoot>& roots, const BuildOptions& options, Resolved& resolved,
                     GcWorkLists* loose, ReadErrors& health, BuildReport& report) {
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
      ReadErrors unheard;  // the same losses are counted when the graph is filled
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
    if (counts.failed * 100 <= counts.asked || type->body == TraverseRule::kModule) continue;
    distrusted.insert(type->index);
    report.distrusted[type->name] += counts.asked;
  }
  resolved.sort(distrusted);
  report.resolved = resolved.size();
}

}  // namespace heapglass
