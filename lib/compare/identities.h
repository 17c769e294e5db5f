// Which objects of one moment are those of another. An address is no name for an object: freed memory is used
// again. So an object is the same where address and type are, and what cannot change about it is: the value
// of a str, bytes, int or float, what a tuple, frozenset, method or code object refers to. Of what can
// change, the first things that it refers to are looked at as well: where these differ, nobody can tell.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/heap/heap_graph.h"
#include "lib/python/objects.h"

namespace heapglass {

struct Identities {
  std::vector<Address> address;        // ascending, by object
  LargeVector<std::uint32_t> type;     // by object: which of types
  std::vector<std::uint32_t> content;  // by object: a fingerprint of what was said above; 0: nothing known
  std::vector<std::uint64_t> size;     // by object
  // What the fingerprints of values were made from: those of another source say nothing to these.
  std::string values;
  std::vector<std::string> types;
  std::vector<bool> fixed;  // by type: the content of its objects cannot change
  // By object, where asked for: a number for its owner.
  std::vector<std::uint32_t> owner;
};

// Needs the graph's references. `values` is what is known of values, in a word that is equal where they can
// be compared: with the graph's hashes these are taken, else the memory.
Identities identities(const HeapGraph& graph, const Objects& objects, std::string values);

enum class Same : std::uint8_t {
  kNo,       // made after the earlier moment
  kYes,      // as far as anybody can tell
  kPerhaps,  // address and type say so, but it has changed
};

struct Match {
  std::vector<Same> of_later;          // by object of the later moment
  std::vector<bool> gone;              // by object of the earlier moment
  std::uint64_t addresses_reused = 0;  // the same address, another object
};

Match match(const Identities& earlier, const Identities& later);

}  // namespace heapglass
