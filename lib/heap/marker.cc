#include "lib/heap/marker.h"

#include "lib/heap/marking.h"

namespace heapglass {

void WorkPool::give(std::vector<Address> batch) {
  std::lock_guard lock(mutex_);
  batches_.push_back(std::move(batch));
  ready_.notify_one();
}

bool WorkPool::take(std::vector<Address>& into) {
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

Marker::Marker(AddressIndex& index, TypeTable& types, ReadErrors& errors, WorkPool& pool, EdgeBudget& budget,
               std::vector<Address>* unknown)
    : index_(index),
      types_(types),
      objects_(types.objects()),
      cache_(types),
      references_(types, errors),
      errors_(errors),
      pool_(pool),
      budget_(budget),
      unknown_(unknown) {}

bool Marker::mark(Address object) {
  const auto bit = index_.bit_of(object);
  if (!bit) return false;
  if (index_.test(*bit)) return true;
  const TypeInfo* type = cache_.get(objects_.type_of(object));
  // What was freed has a count of zero, or a free list's link where the count was.
  if (!type || objects_.refcount(object) == 0) return false;
  if (index_.set(*bit)) {
    if (type->has_references || type->flags & kTpTypeSubclass) stack_.push_back(object);
    if (unknown_ && (type->words_end || unknown_references(types_, object, *type)))
      unknown_->push_back(object);
  }
  return true;
}

void Marker::run() {
  do {
    visit_waiting();
  } while (pool_.take(stack_));
}

void Marker::visit_waiting() {
  // Several objects are visited before their references are looked at: the headers of a full batch can be
  // fetched ahead.
  constexpr int kObjects = 12;
  while (!stack_.empty()) {
    for (int visited = 0; visited < kObjects && !stack_.empty(); ++visited) {
      const Address object = stack_.back();
      stack_.pop_back();
      if (!stack_.empty())
        if (const std::byte* next = objects_.image().at(stack_.back(), 16)) __builtin_prefetch(next);
      if (const TypeInfo* type = cache_.get(objects_.type_of(object)))
        references_.visit(object, *type, *this);
    }
    drain();
    share();
  }
}

void Marker::share() {
  if (stack_.size() <= 64 || !pool_.hungry()) return;
  const auto half = stack_.begin() + static_cast<std::ptrdiff_t>(stack_.size() / 2);
  std::vector<Address> batch(stack_.begin(), half);
  stack_.erase(stack_.begin(), half);
  pool_.give(std::move(batch));
}

void Marker::take(const Edge* edges, std::size_t count) {
  constexpr std::uint64_t kNone = ~std::uint64_t{0};
  if (full_) return;
  if (!budget_.spend(count)) {
    full_ = true;
    return errors_.skip(Skip::kTooMany, edges[0].referent);
  }
  std::uint64_t bits[256];
  for (std::size_t i = 0; i < count; ++i) {
    bits[i] = kNone;
    if (edges[i].cls > EdgeClass::kOwned) continue;
    const auto bit = index_.bit_of(edges[i].referent);
    if (!bit) {
      errors_.skip(Skip::kBadReference, edges[i].referent);
      continue;
    }
    bits[i] = *bit;
    index_.prefetch(*bit);
    if (const std::byte* header = objects_.image().at(edges[i].referent, 16)) __builtin_prefetch(header);
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (bits[i] == kNone || index_.test(bits[i])) continue;
    if (!mark(edges[i].referent)) errors_.skip(Skip::kBadReference, edges[i].referent);
  }
}

}  // namespace heapglass
