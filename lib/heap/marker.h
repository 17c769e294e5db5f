// One worker of marking: it marks what it is given, and everything that this refers to.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <vector>

#include "lib/heap/address_index.h"
#include "lib/heap/edge_budget.h"
#include "lib/python/references.h"

namespace heapglass {

// Objects waiting to be visited, shared between the workers in batches.
class WorkPool {
 public:
  explicit WorkPool(unsigned workers) : workers_(workers) {}
  // Whether a worker waits for a batch.
  bool hungry() const { return idle_.load(std::memory_order_relaxed) > 0; }
  void give(std::vector<Address> batch);
  // False: no worker has work any more.
  bool take(std::vector<Address>& into);

 private:
  const unsigned workers_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::vector<std::vector<Address>> batches_;
  std::atomic<unsigned> idle_{0};
};

class Marker final : public EdgeSink {
 public:
  // `unknown` takes the objects whose references no layout describes; nullptr: these are not collected.
  Marker(AddressIndex& index, TypeTable& types, ReadErrors& errors, WorkPool& pool, EdgeBudget& budget,
         std::vector<Address>* unknown);

  // Marks an object that a reference of any kind leads to. False: there is no object.
  bool mark(Address object);
  // Gives half of what waits to a worker without work, if there is one.
  void share();
  // Visits what waits until no worker has work left.
  void run();

 private:
  void visit_waiting();
  void take(const Edge* edges, std::size_t count) override;

  AddressIndex& index_;
  TypeTable& types_;
  const Objects& objects_;
  TypeCache cache_;
  References references_;
  ReadErrors& errors_;
  WorkPool& pool_;
  EdgeBudget& budget_;
  std::vector<Address>* const unknown_;
  std::vector<Address> stack_;
};

}  // namespace heapglass
