// Who can tell the references that layouts do not know: the target's own code, run somewhere safe. An
// interface, so that what builds a graph knows nothing of processes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "lib/base/address.h"

namespace heapglass {

class Resolver {
 public:
  // `known` is false where the object could not be asked; referents are as gc.get_referents gives them,
  // unchecked.
  using Answer = std::function<void(std::size_t index, bool known, std::span<const Address> referents)>;

  virtual ~Resolver() = default;
  // Calls `answer` once for each object, in any order. False where nothing at all can be asked: then for
  // none, or for some.
  virtual bool resolve(std::span<const Address> objects, const Answer& answer) = 0;
  // Calls `answer` for those whose sys.getsizeof is told. Only for types whose __sizeof__ is written in C.
  using SizeAnswer = std::function<void(std::size_t index, std::uint64_t bytes)>;
  virtual void sizes(std::span<const Address> objects, const SizeAnswer& answer) = 0;
};

}  // namespace heapglass
