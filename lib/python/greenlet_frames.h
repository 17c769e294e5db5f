// Where a greenlet has the frame on which it is suspended. The greenlet's own code is no part of CPython: its
// tp_traverse tells nothing of what such frames hold, and no debug information is asked.
#pragma once

#include <vector>

#include "lib/python/frames.h"
#include "lib/python/types.h"

namespace heapglass {

// Of a suspended greenlet `gr_frame` is the one frame object in its state, and of others there is none. That
// state is a C++ object behind the fifth and last word of the object (PyGreenlet.pimpl of greenlet.h,
// PythonState::_top_frame of TGreenlet.hpp). Where in it depends on the versions of greenlet and of Python:
// it is the first place at which any greenlet has a frame, for behind the state of one may lie that of
// another.
class GreenletFrames {
 public:
  explicit GreenletFrames(TypeTable& types) : types_(types), o_(types.objects()) {}

  void learn(Address greenlet);
  // In bytes from the state; kAbsent: none of those that it has learned from is suspended.
  std::int32_t place() const { return place_; }
  // The frame object; null: the greenlet has not begun, has ended, or runs.
  Address of(Address greenlet) const { return at(greenlet, place_); }
  // The same where the place is known.
  Address at(Address greenlet, std::int32_t place) const;

 private:
  bool is_frame(Address a) const;

  TypeTable& types_;
  const Objects& o_;
  std::int32_t place_ = kAbsent;
  mutable Address frame_type_{};
};

// The tracked greenlets of these interpreters, where any of them has imported the module.
std::vector<Address> tracked_greenlets(TypeTable& types, const std::vector<PyInterpreter>& interpreters,
                                       ReadErrors& health);

}  // namespace heapglass
