// WeakKeyDictionary whose values lead back to their own keys: the dict keeps the value, the value keeps the
// key, and so no entry can ever go.
#include <algorithm>
#include <unordered_map>

#include "lib/leaks/detectors.h"
#include "lib/leaks/members.h"

namespace heapglass {
namespace {

// The objects from a value to its key, both included; empty: it does not lead there by few steps. Not through
// modules, classes and functions, which lead everywhere.
std::vector<NodeId> way_to_key(const LeakSearch& search, NodeId value, NodeId key) {
  constexpr std::size_t kMostVisited = 500;
  const HeapGraph& g = search.graph();
  std::unordered_map<std::uint32_t, NodeId> before{{index(value), kNoNode}};
  std::vector<NodeId> open{value};
  for (std::size_t at = 0; at < open.size() && before.size() < kMostVisited; ++at) {
    const NodeId n = open[at];
    if (n == key) {
      std::vector<NodeId> way;
      for (NodeId each = n; each != kNoNode; each = before.at(index(each))) way.push_back(each);
      std::reverse(way.begin(), way.end());
      return way;
    }
    if (search.is_structure(n)) continue;
    for (std::uint64_t e = g.first_edge[index(n)]; e < g.first_edge[index(n) + 1]; ++e) {
      if (before.size() >= kMostVisited && g.referent[e] != key) break;
      if (g.edge_class[e] != EdgeClass::kWeak && before.try_emplace(index(g.referent[e]), n).second)
        open.push_back(g.referent[e]);
    }
  }
  return {};
}

std::string names_on(const LeakSearch& search, const std::vector<NodeId>& way) {
  std::string text;
  for (std::size_t i = 1; i < way.size(); ++i)
    for (const auto& label : search.labels().between(way[i - 1], way[i])) {
      if (label.text.empty() || label.text == "__dict__") continue;
      text += label.text.starts_with("[") ? label.text : "." + label.text;
      break;
    }
  return text;
}

void look_at(const LeakSearch& search, NodeId n, Suspects& found) {
  const Objects& o = search.objects();
  const NodeId data = search.node(search.values().attribute(search.address(n), "data"));
  if (data == kNoNode || search.values().length(search.address(data)).value_or(0) < kManyAlike) return;
  constexpr std::size_t kSampled = 30;
  std::vector<NodeId> values, keys;
  o.each_item(search.address(data), [&](Address reference, Address each) {
    const NodeId value = search.node(each),
                 key = search.node(o.pointer(reference, o.layout().PyWeakReference.wr_object));
    if (value == kNoNode || key == kNoNode) return;
    values.push_back(value);
    keys.push_back(key);
  });
  const std::size_t step = std::max<std::size_t>(1, values.size() / kSampled);
  std::size_t sampled = 0, back = 0;
  std::vector<NodeId> example;
  for (std::size_t i = 0; i < values.size(); i += step, ++sampled) {
    std::vector<NodeId> way = way_to_key(search, values[i], keys[i]);
    back += !way.empty();
    if (!way.empty()) example = std::move(way);
  }
  if (back * 2 < sampled || back == 0) return;
  std::vector<NodeId> all{n};
  all.insert(all.end(), values.begin(), values.end());
  Suspect s{.pattern = "weak-key-cycle", .node = n, .bytes = search.retained_by_set(all).bytes};
  s.objects = values.size();
  s.certainty = 0.95;
  const std::string names = names_on(search, example);
  s.evidence = search.type_name(n) + " of " + format_count(values.size(), "entry", "entries") +
               (back == sampled ? ", whose" : ", most of whose") + " values lead back to their own keys";
  if (example.size() > 1)
    s.evidence += " (" + search.type_name(example[0]) + (names.empty() ? "" : names) + " is the " +
                  search.type_name(example.back()) + " that is the key)";
  s.evidence += ": the dict keeps the value, the value keeps the key, and no entry can ever go";
  s.cure =
      "Let the value not hold the key: hold it as weakref.ref(key) or take it as an argument, or put the "
      "value into an attribute of the key and do without the dict; else remove the entry when the key is "
      "done with.";
  s.examples.assign(values.begin(), values.begin() + 3);
  s.covers = {data};
  found.push_back(std::move(s));
}

}  // namespace

void find_weak_key_cycles(const LeakSearch& search, Suspects& found) {
  for (const NodeId n :
       search.nodes_of([&](const TypeInfo& t) { return search.is_derived(t, "weakref.WeakKeyDictionary"); }))
    if (search.is_reached(n)) look_at(search, n, found);
}

}  // namespace heapglass
