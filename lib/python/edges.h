// References as the readers tell them: who is referred to, and as what.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "lib/base/address.h"
#include "lib/graph/node.h"

namespace heapglass {

// What a reference is, so that a picture can say app.cache['k'].handlers[3]. The payload is in brackets.
enum class EdgeKind : std::uint8_t {
  kField,      // a field of a C struct [const FieldName*]
  kSlot,       // a __slots__ member [address of the C name in the target]
  kAttribute,  // an attribute held by the instance itself [address of the name, a str]
  kIndex,      // an item of a sequence [index]
  kKey,        // a key of a dict or an element's key in an OrderedDict's nodes [0]
  kValue,      // a value of a dict [address of its key]
  kElement,    // an element of a set [0]
  kLocal,      // a local variable of a frame [address of the name, a str]
  kStack,      // an entry of a frame's value stack [index]
  kType,       // the object's type [0]
  kDict,       // the object's __dict__ [const FieldName* where its C struct has a field for it, else 0]
  kState,      // the C state of a module [const FieldName*]
  kLink,       // a node of a C list that holds the referent [index]
  kUnknown,    // a visit of tp_traverse that nobody can name [0]
};

struct Edge {
  Address referent{};
  std::uint64_t payload = 0;
  EdgeKind kind = EdgeKind::kUnknown;
  EdgeClass cls = EdgeClass::kVisited;
};

// Takes edges in batches, so that what handles them can look ahead in memory.
class EdgeSink {
 public:
  virtual ~EdgeSink() = default;
  void add(Address referent, EdgeKind kind, std::uint64_t payload, EdgeClass cls) {
    if (is_null(referent)) return;
    if (count_ == edges_.size()) drain();
    edges_[count_++] = {referent, payload, kind, cls};
  }
  void drain() {
    if (count_) take(edges_.data(), count_);
    count_ = 0;
  }
  // Takes no more: there were more references than memory has words. What would tell them may as well not
  // read.
  bool full() const { return full_; }

 protected:
  bool full_ = false;
  virtual void take(const Edge* edges, std::size_t count) = 0;

 private:
  std::array<Edge, 256> edges_;
  std::size_t count_ = 0;
};

}  // namespace heapglass
