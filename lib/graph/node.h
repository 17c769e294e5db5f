// The two words that every algorithm on the graph uses: a node and how sure a reference is.
#pragma once

#include <cstdint>

namespace heapglass {

// An object, as a dense number in order of address.
enum class NodeId : std::uint32_t {};
constexpr NodeId kNoNode{~std::uint32_t{0}};
constexpr std::uint32_t index(NodeId node) { return static_cast<std::uint32_t>(node); }

// How sure a reference is, and whether the collector knows of it.
enum class EdgeClass : std::uint8_t {
  kVisited,  // tp_traverse visits it: gc.get_referents gives it
  kOwned,    // a counted reference that tp_traverse does not tell
  kWeak,     // borrowed: a weak reference's referent
  kGuess,    // a word of the body that is a known object's address
};

}  // namespace heapglass
