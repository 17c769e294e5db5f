// Containers of the standard library that are written in Python and keep what is put into them in a plain
// dict, list or set of their own: code reaches an entry as wrapper[key], and never names the container
// inside.
#pragma once

#include "lib/heap/labels.h"

namespace heapglass {

enum class WrapperKind : std::uint8_t {
  kNone,
  kPlain,         // collections.UserDict, collections.UserList
  kWeakKeys,      // weakref.WeakKeyDictionary: its dict has weak references for keys
  kWeakValues,    // weakref.WeakValueDictionary
  kWeakElements,  // weakref.WeakSet
};

struct Wrapper {
  NodeId node = kNoNode;  // the object that code knows; kNoNode: the container is nobody's inner one
  WrapperKind kind = WrapperKind::kNone;
};

// Whose inner container a dict, list or set is.
Wrapper wrapper_of(Labels& labels, NodeId container);

}  // namespace heapglass
