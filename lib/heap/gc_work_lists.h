// Objects on lists that hang from nothing but the C stack: while the collector works, what it takes for
// garbage stands on lists whose heads are its local variables (CPython Modules/gcmodule.c and Python/gc.c:
// unreachable, finalizers, wrcb_to_call, seen, still_unreachable).
#pragma once

#include <memory>
#include <vector>

#include "lib/heap/address_index.h"
#include "lib/python/types.h"

namespace heapglass {

class GcWorkLists {
 public:
  // `stack_pointers` of the threads of the target: from there up their stacks are looked through.
  GcWorkLists(const std::shared_ptr<const Image>& image, TypeTable& types,
              std::vector<Address> stack_pointers);

  // An object on a list whose head is known.
  void know(Address object);
  // The members of lists that were not known before: those whose heads are on a stack, then those on which
  // objects of `marked` stand. Every one is known from then on. Their members may lead to others: mark them,
  // and ask again until there are none.
  std::vector<Address> find(const AddressIndex& marked);

 private:
  struct Stack {
    Address start{}, end{};
  };
  bool is_tracked_object(Address object);
  // Follows _gc_next from a GC head on. Members are taken where the list ends as lists do, or where its first
  // is an object for certain.
  void follow(Address head, bool certain, std::vector<Address>& found);
  bool on_stack(Address a) const;

  const Image& image_;
  TypeTable& types_;
  TypeCache cache_;
  AddressIndex known_;
  std::vector<Stack> stacks_;
  bool stacks_done_ = false;
  std::uint64_t steps_left_;  // for lists that turn out to be none
};

}  // namespace heapglass
