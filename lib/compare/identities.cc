#include "lib/compare/identities.h"

#include <algorithm>
#include <unordered_map>

#include "lib/base/parallel.h"
#include "lib/heap/node_chunks.h"
#include "lib/python/content.h"
#include "lib/python/types.h"

namespace heapglass {
namespace {

constexpr std::size_t kFirst = 2;  // references that say what a thing is that can change

// What refers to the same things as long as it lives.
bool refers_for_ever(const TypeInfo& type) {
  constexpr std::string_view kNames[] = {"builtins.tuple", "builtins.frozenset", "builtins.method",
                                         "builtins.slice", "builtins.range"};
  return std::find(std::begin(kNames), std::end(kNames), type.name) != std::end(kNames);
}
bool is_value(const TypeInfo& type) {
  return type.flags & (kTpUnicodeSubclass | kTpBytesSubclass | kTpLongSubclass) ||
         type.name == "builtins.float";
}

// Calls body(first, last) for pieces of [0, n) on all cores.
void for_each_chunk(std::size_t n, const std::function<void(std::size_t, std::size_t)>& body) {
  constexpr std::size_t kPiece = 1 << 15;
  parallel_for((n + kPiece - 1) / kPiece,
               [&](std::size_t i, unsigned) { body(i * kPiece, std::min(n, (i + 1) * kPiece)); });
}

std::uint32_t folded(std::uint64_t hash) {
  return hash ? static_cast<std::uint32_t>(hash ^ hash >> 32) | 1 : 0;
}

// With the fingerprints of what it refers to as they are in `known`; its own type left out, which every
// instance has. `address` is by node: asking the graph's index for each would be a seventh of all.
std::uint32_t of_references(const HeapGraph& graph, const std::vector<Address>& address, NodeId n,
                            std::size_t most, const std::vector<std::uint32_t>& known) {
  const Address type = graph.types[graph.type[index(n)]].address;
  std::uint64_t h = 0;
  std::size_t seen = 0;
  for (std::uint64_t e = graph.first_edge[index(n)]; e < graph.first_edge[index(n) + 1] && seen < most; ++e) {
    if (graph.edge_class[e] == EdgeClass::kWeak || graph.edge_class[e] == EdgeClass::kGuess) continue;
    const NodeId held = graph.referent[e];
    const Address a = address[index(held)];
    if (a == type) continue;
    h = mixed(mixed(h, value(a)), known[index(held)]);
    ++seen;
  }
  return seen ? static_cast<std::uint32_t>(h) | 1 : 0;
}

}  // namespace

Identities identities(const HeapGraph& graph, const Objects& objects, std::string values_known) {
  Identities out;
  out.values = std::move(values_known);
  const std::uint32_t nodes = graph.nodes();
  out.address.resize(nodes);
  out.size.resize(nodes);
  out.type = graph.type;
  std::vector<bool> values, refers;
  for (const GraphType& type : graph.types) {
    out.types.push_back(type.name);
    values.push_back(type.info && is_value(*type.info));
    refers.push_back(type.info && refers_for_ever(*type.info));
    out.fixed.push_back(values.back() || refers.back());
  }
  // Values first; then what refers to them, and once more for what an instance has in its dict.
  out.content.assign(nodes, 0);
  for_each_chunk(*graph.index, [&](const NodeChunk& piece) {
    piece.each([&](std::uint32_t n, Address a) {
      out.address[n] = a;
      out.size[n] = graph.all_bytes(n);
      if (!graph.value_hash.empty())
        out.content[n] = folded(graph.value_hash[n]);
      else if (values[graph.type[n]])
        out.content[n] = value_fingerprint(objects, a, *graph.types[graph.type[n]].info);
    });
  });
  const std::vector<std::uint32_t> of_values = out.content;
  for (int round = 0; round < 2; ++round) {
    std::vector<std::uint32_t> next = out.content;
    for_each_chunk(nodes, [&](std::size_t first, std::size_t last) {
      for (std::size_t n = first; n < last; ++n)
        if (const NodeId node{static_cast<std::uint32_t>(n)}; refers[graph.type[n]])
          next[n] = of_references(graph, out.address, node, ~std::size_t{0},
                                  of_values);  // the rest of them may change
        else if (!values[graph.type[n]])
          next[n] = of_references(graph, out.address, node, kFirst, out.content);
    });
    out.content = std::move(next);
  }
  return out;
}

Match match(const Identities& earlier, const Identities& later) {
  Match out;
  out.of_later.assign(later.address.size(), Same::kNo);
  out.gone.assign(earlier.address.size(), true);
  // Types by name: a class made anew by a reload is another object, and called the same.
  std::unordered_map<std::string_view, std::uint32_t> by_name;
  auto named = [&](const std::vector<std::string>& types) {
    std::vector<std::uint32_t> ids;
    ids.reserve(types.size());
    for (const std::string& name : types)
      ids.push_back(by_name.try_emplace(name, static_cast<std::uint32_t>(by_name.size())).first->second);
    return ids;
  };
  const std::vector<std::uint32_t> before = named(earlier.types), after = named(later.types);
  const bool comparable = earlier.values == later.values;
  std::size_t e = 0;
  for (std::size_t l = 0; l < later.address.size(); ++l) {
    while (e < earlier.address.size() && earlier.address[e] < later.address[l]) ++e;
    if (e == earlier.address.size()) break;
    if (earlier.address[e] != later.address[l]) continue;
    const std::uint32_t x = comparable ? earlier.content[e] : 0, y = comparable ? later.content[l] : 0;
    if (before[earlier.type[e]] != after[later.type[l]] || (later.fixed[later.type[l]] && x && y && x != y)) {
      ++out.addresses_reused;
      continue;
    }
    out.gone[e] = false;
    out.of_later[l] = x == y || x == 0 || y == 0 ? Same::kYes : Same::kPerhaps;
  }
  return out;
}

}  // namespace heapglass
