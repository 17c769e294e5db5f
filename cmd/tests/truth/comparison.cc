#include "cmd/tests/truth/comparison.h"

#include <algorithm>
#include <cstdio>
#include <iterator>

namespace heapglass::truth {
namespace {

constexpr std::int64_t kCountSlack = 2;  // and a sixteenth of the count

std::string hex(std::uint64_t id) {
  char text[20];
  std::snprintf(text, sizeof text, "%#llx", static_cast<unsigned long long>(id));
  return text;
}

std::string unlike(const std::string& want, const std::string& have) {
  return "is " + want + ", exported as " + have;
}

std::string told(std::optional<std::int64_t> number) {
  return number ? std::to_string(*number) : "not known";
}

}  // namespace

Comparison::Comparison(const ToldHeap& exported, const TypeNames& types)
    : exported_(exported), types_(types) {
  at_.reserve(exported.objects.size());
  for (std::size_t i = 0; i < exported.objects.size(); ++i)
    if (!at_.try_emplace(exported.objects[i].id, i).second)
      differs(kTwice, exported.objects[i], "is there more than once");
}

void Comparison::differs(Difference what, const ToldObject& object, const std::string& text,
                         std::uint64_t times) {
  OfType& type = by_name_[types_.name(object.type)];
  type.wrong[what] += times;
  wrong_[what] += times;
  if (type.example[what].empty()) type.example[what] = hex(object.id) + " " + text;
}

double Comparison::right(Difference what) const {
  if (asked_[what] == 0) return 1;
  const double share = (static_cast<double>(asked_[what]) - static_cast<double>(wrong_[what])) /
                       static_cast<double>(asked_[what]);
  return static_cast<double>(static_cast<std::int64_t>(1000000 * share)) / 1000000;
}

bool Comparison::exact(std::uint64_t allowed) const {
  std::uint64_t wrong = 0;
  for (std::size_t i = 0; i < wrong_.size(); ++i) wrong += i == kRefcount ? 0 : wrong_[i];
  return wrong <= allowed && right(kRefcount) > 0.98;
}

bool Comparison::guessed_well(double least) const {
  return std::min(right(kLost), right(kAdded)) >= least &&
         wrong_[kTwice] + wrong_[kType] + wrong_[kTracked] == 0;
}

std::map<std::string, std::uint64_t> Comparison::only_exported() const {
  std::map<std::string, std::uint64_t> types;
  for (const auto& [id, at] : at_)
    if (!known_.count(id)) ++types[types_.name(exported_.objects[at].type)];
  return types;
}

void Comparison::compare_references(const ToldHeap& truth, const ToldObject& object, const ToldObject& found,
                                    const Ids& ours) {
  const auto sorted = [&](std::span<const std::uint64_t> from, std::vector<std::uint64_t>& to) {
    to.clear();
    std::copy_if(from.begin(), from.end(), std::back_inserter(to),
                 [&](std::uint64_t id) { return !ours.count(id); });
    std::sort(to.begin(), to.end());
  };
  sorted(truth.references_of(object), want_);
  sorted(exported_.references_of(found), have_);
  asked_[kLost] += want_.size();
  asked_[kAdded] += have_.size();
  if (want_ == have_) return;
  // Of a reference that is there several times each counts.
  const auto without = [&](const auto& these, const auto& those, Difference what) {
    std::vector<std::uint64_t> rest;
    std::set_difference(these.begin(), these.end(), those.begin(), those.end(), std::back_inserter(rest));
    if (rest.empty()) return;
    const ToldObject* to = exported(rest.front());
    differs(what, object,
            "-> " + hex(rest.front()) + " (" + (to ? types_.name(to->type) : "not exported") + ")",
            rest.size());
  };
  without(want_, have_, kLost);
  without(have_, want_, kAdded);
}

void Comparison::compare_object(const ToldHeap& truth, const ToldObject& object, const Ids& ours) {
  ++by_number_[object.type]->objects;
  ++asked_[kMissing];
  const ToldObject* found = exported(object.id);
  if (!found) return differs(kMissing, object, "is not in the export");
  ++asked_[kType];
  if (object.type != found->type)
    differs(kType, object, unlike(types_.name(object.type), types_.name(found->type)));
  ++asked_[kTracked];
  if (object.tracked != found->tracked)
    differs(kTracked, object,
            object.tracked ? unlike("tracked", "not tracked") : unlike("not tracked", "tracked"));
  if (object.size) {
    ++asked_[kSize];
    if (object.size != found->size) differs(kSize, object, unlike(told(object.size), told(found->size)));
  }
  if (object.refcount && found->refcount) {
    ++asked_[kRefcount];
    const std::int64_t apart = *found->refcount - *object.refcount;
    if (std::max(apart, -apart) > std::max(kCountSlack, *object.refcount >> 4))
      differs(kRefcount, object, unlike(told(object.refcount), told(found->refcount)));
  }
  if (object.references_known) compare_references(truth, object, *found, ours);
}

// Names that were held by nobody but the interpreter's table of names (3.14 shows it) when the truth was
// told. They went when the C code that had made them was done, or the cache of attributes forgot them, as
// names do that nothing refers to. What has the place of one since then is another object.
Comparison::Ids Comparison::names_of_a_moment(const ToldHeap& truth) const {
  Ids gone, held;
  for (const ToldObject& each : truth.objects) {
    if (types_.name(each.type) != "builtins.str") continue;
    const ToldObject* found = exported(each.id);
    if (!found || found->type != each.type || found->size != each.size) gone.insert(each.id);
  }
  if (gone.empty()) return gone;
  std::unordered_map<std::uint64_t, std::unordered_map<std::uint64_t, bool>>
      holders;  // and whether one is a dict
  for (const ToldObject& each : truth.objects)
    for (const std::uint64_t reference : truth.references_of(each)) {
      held.insert(reference);
      if (gone.count(reference)) holders[reference][each.id] = types_.name(each.type) == "builtins.dict";
    }
  std::erase_if(gone, [&](std::uint64_t name) {
    const auto& those = holders[name];
    if (those.size() != 1 || held.count(those.begin()->first) || !those.begin()->second) return true;
    // What the table still refers to is no other object, but one that was exported wrongly.
    const ToldObject* table = exported(those.begin()->first);
    const auto now = table ? exported_.references_of(*table) : std::span<const std::uint64_t>();
    return std::find(now.begin(), now.end(), name) != now.end();
  });
  return gone;
}

void Comparison::compare(const ToldHeap& truth) {
  if (truth.objects.empty()) throw Unusable("the truth has no objects");
  by_number_.resize(types_.size());
  for (std::uint32_t i = 0; i < types_.size(); ++i) by_number_[i] = &by_name_[types_.name(i)];
  Ids ours = names_of_a_moment(truth);
  ours.insert(truth.ours.begin(), truth.ours.end());
  known_.insert(ours.begin(), ours.end());
  known_.reserve(known_.size() + truth.objects.size());
  for (const ToldObject& each : truth.objects) {
    if (ours.count(each.id)) continue;
    known_.insert(each.id);
    compare_object(truth, each, ours);
  }
}

}  // namespace heapglass::truth
