// Resolver by running the target's own code in a copied process.
#pragma once

#include <memory>
#include <string>

#include "lib/heap/resolver.h"
#include "lib/python/runtime.h"
#include "platform/sandbox/traverse_sandbox.h"

namespace heapglass {

class RunResolver final : public Resolver {
 public:
  // All borrowed. `main_thread` is the target's process id. Where it cannot run, a resolver that `must`
  // throws Error; another says why in why_not().
  RunResolver(const Capture& capture, const PyRuntime& python, std::int32_t main_thread, bool must)
      : capture_(capture), python_(python), main_thread_(main_thread), must_(must) {}

  bool resolve(std::span<const Address> objects, const Answer& answer) override;
  void sizes(std::span<const Address> objects, const SizeAnswer& answer) override;
  // As resolve, telling how each object ended. Throws Error.
  void run(std::span<const Address> objects, const TraverseSandbox::Take& take);

  TraverseStats stats() const { return copied_ ? copied_->stats() : TraverseStats{}; }
  const std::string& why_not() const { return why_not_; }

 private:
  void prepare();

  const Capture& capture_;
  const PyRuntime& python_;
  const std::int32_t main_thread_;
  const bool must_;
  std::unique_ptr<TraverseSandbox> copied_;
  std::string why_not_;
};

}  // namespace heapglass
