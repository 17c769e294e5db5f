#include "lib/heap/marking.h"

#include <algorithm>
#include <unordered_set>

#include "lib/base/parallel.h"
#include "lib/heap/marker.h"
#include "lib/heap/unreached_objects.h"
#include "lib/python/collector_lists.h"

namespace heapglass {
namespace {

// Collects the objects that only words of unknown bodies lead to.
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
  // A guess is any word at all, so that more is asked of its object than of one that a reference leads to.
  bool looks_like_object(Address a) {
    const Objects& o = types_.objects();
    const auto type_bit = index_.bit_of(o.type_of(a));
    if (!type_bit || !index_.test(*type_bit)) return false;
    const TypeInfo* type = cache_.get(o.type_of(a));
    if (!type || !o.image().at(a, static_cast<std::uint64_t>(type->basicsize))) return false;
    if (!has_plausible_refcount(o, a)) return false;
    // Whatever the collector tracks was found on its lists: what is not on them is freed.
    return !is_tracked(o, a, *type);
  }

  const AddressIndex& index_;
  TypeTable& types_;
  EdgeBudget& budget_;
  TypeCache cache_;
};

}  // namespace

bool has_unknown_state(TypeTable& types, Address module) {
  const Objects& o = types.objects();
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

Marking::Marking(AddressIndex& index, TypeTable& types, const BuildOptions& options, ReadErrors& errors,
                 BuildReport& report)
    : index_(index),
      types_(types),
      options_(options),
      errors_(errors),
      report_(report),
      resolver_(options.resolver),
      budget_(types.objects().image()),
      unknown_(worker_count()) {}

void Marking::run(const std::vector<PyInterpreter>& interpreters, const std::vector<PyRoot>& roots,
                  GcWorkLists* work_lists) {
  mark_all_from([&](Marker& marker) {
    mark_roots(marker, roots);
    mark_collector_lists(marker, interpreters, work_lists);
  });
  while (true) {
    ask_resolver();
    if (work_lists) search_work_lists(*work_lists);
    // Guesses come after everything else: a guessed object needs a type that was found without guessing.
    if (!anything_to_mark() && options_.scan) guess();
    if (!anything_to_mark()) find_unreached();
    if (!anything_to_mark()) break;
    mark_all_from([&](Marker& marker) {
      mark_new_types(marker);
      mark_found(marker);
    });
  }
  judge_resolver();
}

void Marking::mark_all_from(const std::function<void(Marker&)>& first) {
  WorkPool pool(worker_count());
  on_each_worker([&](unsigned worker) {
    Marker marker(index_, types_, errors_, pool, budget_,
                  options_.resolver || options_.scan ? &unknown_[worker] : nullptr);
    if (worker == 0) first(marker);
    marker.run();
  });
}

void Marking::mark_roots(Marker& marker, const std::vector<PyRoot>& roots) {
  for (const PyRoot& root : roots)
    if (!root.guess && !marker.mark(root.object)) errors_.skip(Skip::kBadReference, root.object);
}

void Marking::mark_collector_lists(Marker& marker, const std::vector<PyInterpreter>& interpreters,
                                   GcWorkLists* work_lists) {
  std::unordered_set<std::uint64_t> collectors;  // to 3.8 all interpreters share one
  for (const PyInterpreter& interpreter : interpreters) {
    if (!collectors.insert(value(interpreter.gc)).second) continue;
    std::uint64_t tracked = 0, bad = 0;
    Address first_bad{};
    const bool closed = each_tracked(
        types_.objects(), interpreter,
        [&](Address object) {
          if (!marker.mark(object) && ++bad == 1) first_bad = object;
          if (work_lists) work_lists->know(object);
          if (++tracked % 256 == 0) marker.share();
        },
        errors_);
    // A walk that left its list through a damaged link meets the same bytes as often as it goes round: that
    // is one contradiction.
    if (!closed) bad = std::min<std::uint64_t>(bad, 1);
    for (; bad > 0; --bad) errors_.skip(Skip::kBadReference, first_bad);
    report_.lists_closed &= closed;
    report_.tracked += tracked;
  }
}

// Types are objects too, and what they refer to may be of types that were not met before.
void Marking::mark_new_types(Marker& marker) {
  const std::vector<const TypeInfo*> all = types_.all();
  for (std::size_t i = types_marked_; i < all.size(); ++i)
    if (!marker.mark(all[i]->address)) errors_.skip(Skip::kBadType, all[i]->address);
  types_marked_ = all.size();
}

void Marking::mark_found(Marker& marker) {
  for (std::size_t i = 0; i < found_.size(); ++i) {
    if (!marker.mark(found_[i])) errors_.skip(Skip::kBadReference, found_[i]);
    if (i % 256 == 0) marker.share();
  }
  found_.clear();
}

// The objects of all workers, in order of address: it does not depend on the workers, and the resolver reads
// memory in that order.
std::vector<Address> Marking::take_unknown() {
  std::vector<Address> all;
  for (std::vector<Address>& of_worker : unknown_) {
    all.insert(all.end(), of_worker.begin(), of_worker.end());
    of_worker.clear();
  }
  std::sort(all.begin(), all.end());
  return all;
}

// Asks about the objects that were marked since it was last asked. Those that it does not resolve are left to
// guesses.
void Marking::ask_resolver() {
  std::vector<Address> objects = take_unknown();
  std::erase_if(objects, [&](Address a) {
    const TypeInfo* const type = types_.get(types_.objects().type_of(a));
    if (!type || !type->words_end) return false;
    worded_.push_back(a);
    return type->resolution != Resolution::kUnknown;
  });
  std::vector<bool> resolved(objects.size());
  if (resolver_ && !objects.empty()) {
    TypeCache cache(types_);
    const bool again =
        resolver_->resolve(objects, [&](std::size_t i, bool known, std::span<const Address> referents) {
          resolved[i] = known;
          const TypeInfo* type = cache.get(types_.objects().type_of(objects[i]));
          if (!type) return;
          Asked& asked = asked_[type];
          ++asked.objects;
          if (!known) {
            ++asked.failed;
            return;
          }
          resolved_.add(objects[i], type->index, referents);
          found_.insert(found_.end(), referents.begin(), referents.end());
        });
    if (!again) resolver_ = nullptr;
  }
  for (std::size_t i = 0; i < objects.size(); ++i)
    if (!resolved[i]) unresolved_.push_back(objects[i]);
}

void Marking::search_work_lists(GcWorkLists& work_lists) {
  const std::vector<Address> members = work_lists.find(index_);
  report_.loose += members.size();
  report_.tracked += members.size();
  found_.insert(found_.end(), members.begin(), members.end());
}

void Marking::guess() {
  GuessedObjects guessed(index_, types_, budget_);
  ReadErrors counted_later;  // the same losses are counted when the graph is filled
  const References references(types_, counted_later);
  for (const Address object : unresolved_)
    if (const TypeInfo* type = types_.get(types_.objects().type_of(object)))
      references.scan(object, *type, guessed);
  unresolved_.clear();
  for (const Address object : worded_)
    if (const TypeInfo* type = types_.get(types_.objects().type_of(object)))
      references.words(object, *type, guessed);
  worded_.clear();
  guessed.drain();
  found_ = std::move(guessed.found);
  std::sort(found_.begin(), found_.end());
  found_.erase(std::unique(found_.begin(), found_.end()), found_.end());
  report_.guessed += found_.size();
}

// Once, when all else is marked: what is left in the allocators' blocks.
void Marking::find_unreached() {
  if (!options_.find_unreached || looked_at_blocks_) return;
  looked_at_blocks_ = true;
  found_ = options_.find_unreached(index_, types_);
  for (const Address object : found_)
    if (const TypeInfo* const type = types_.get(types_.objects().type_of(object)))
      ++report_.unreached[type->name];
}

void Marking::judge_resolver() {
  std::unordered_set<std::uint32_t> distrusted;
  for (const auto& [type, asked] : asked_) {
    // One in a hundred may be caught in the middle of a change; where there are more, the code does not work
    // in the sandbox. Each module is visited by code of its own.
    if (asked.failed * 100 <= asked.objects || type->body == TraverseRule::kModule) continue;
    distrusted.insert(type->index);
    report_.distrusted[type->name] += asked.objects;
  }
  resolved_.finish(distrusted);
  report_.resolved = resolved_.size();
}

}  // namespace heapglass
