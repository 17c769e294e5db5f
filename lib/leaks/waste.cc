// Memory that the same data would not need: values that are there many times, containers that are nearly
// empty, instances with a dict each. None of these is a leak.
#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <tuple>
#include <unordered_map>

#include "lib/base/parallel.h"
#include "lib/leaks/detectors.h"
#include "lib/python/content.h"
#include "lib/python/describe.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kFewestWastedBytes = 65'536;

// Suspects of this kind come behind leaks of a fraction of their size.
constexpr double kSaving = 0.3;

std::uint64_t worth_telling(const LeakSearch& search) {
  return std::max(kFewestWastedBytes, search.heap_bytes() / 100);
}

struct Wasted {
  std::vector<NodeId> nodes;
  std::uint64_t bytes = 0;
};

// By where most of them hang.
struct ByOwner {
  NodeId owner = kNoNode;
  Wasted wasted;
};

std::vector<ByOwner> by_owner(const LeakSearch& search, const std::vector<NodeId>& nodes,
                              const std::function<std::uint64_t(NodeId)>& waste) {
  std::vector<ByOwner> out;
  ByOwner alone;
  for (LeakSearch::Group& group : search.group_by_owner(nodes)) {
    ByOwner row{group.owner, {}};
    for (const NodeId n : group.members) row.wasted.bytes += waste(n);
    row.wasted.nodes = std::move(group.members);
    if (row.wasted.nodes.size() > 1 && row.owner != kNoNode) {
      out.push_back(std::move(row));
      continue;
    }
    alone.wasted.bytes += row.wasted.bytes;
    alone.wasted.nodes.insert(alone.wasted.nodes.end(), row.wasted.nodes.begin(), row.wasted.nodes.end());
  }
  if (!alone.wasted.nodes.empty()) out.push_back(std::move(alone));
  return out;
}

// Is the nearest instance on the way there of an installed package's class? What that keeps in its attributes
// is as the package makes it, whoever has the instance.
bool is_in_library_instance(const LeakSearch& search, const std::vector<NodeId>& path) {
  for (std::size_t i = path.size(); i-- > 1;) {
    const TypeInfo& type = search.type_of(path[i - 1]);
    if (search.is_structure(path[i - 1])) return false;
    if (!(type.flags & kTpHeapType)) continue;
    if (const Origin origin = search.origin_of_class(type.address); origin != Origin::kStandard)
      return origin == Origin::kInstalled;
  }
  return false;
}

// What a library has of its own is as it is, unless it is much of the heap.
bool is_of_library(const LeakSearch& search, const ByOwner& row) {
  constexpr std::uint64_t kTenth = 10;
  if (row.owner == kNoNode || row.wasted.bytes >= search.heap_bytes() / kTenth) return false;
  const std::vector<NodeId> path = search.path_to(row.owner);
  return search.origin_of(path) != Origin::kApplication || is_in_library_instance(search, path);
}

// Leaves out those that a library has of its own, a few in each of its modules and instances. What is far
// from every root is an item of data.
void leave_out_those_of_libraries(const LeakSearch& search, Wasted& wasted,
                                  const std::function<std::uint64_t(NodeId)>& waste) {
  constexpr int kFarthest = 64;
  const RootPaths& root_paths = search.clues().root_paths;
  std::erase_if(wasted.nodes, [&](NodeId n) {
    int steps = 0;
    for (NodeId at = n; at != kNoNode && steps < kFarthest; ++steps) at = root_paths.before(at);
    if (!search.is_reached(n) || steps == kFarthest) return false;
    const std::vector<NodeId> path = search.path_to(n);
    const bool of_library =
        search.origin_of(path) != Origin::kApplication || is_in_library_instance(search, path);
    if (of_library) wasted.bytes -= waste(n);
    return of_library;
  });
}

constexpr std::uint64_t kLongestComparedText = 1 << 20;

// Texts are told apart by length and a hash of 64 bits.
struct TextKey {
  std::uint64_t length = 0, hash = 0;
};
std::optional<TextKey> key_of(const LeakSearch& search, NodeId n) {
  if (const auto& hashes = search.graph().value_hash; !hashes.empty()) {
    const auto length = search.values().length(search.address(n));
    return length && hashes[index(n)] ? std::optional(TextKey{*length, hashes[index(n)]}) : std::nullopt;
  }
  const auto text = value_bytes(search.objects(), search.address(n), search.type_of(n), kLongestComparedText);
  if (!text) return std::nullopt;
  return TextKey{text->size() - 1, std::hash<std::string_view>()(*text)};
}
std::string name_of_text(const LeakSearch& search, NodeId n) {
  const auto& hashes = search.graph().value_hash;
  if (hashes.empty()) return search.repr(search.address(n), 30);
  return "one of length " + std::to_string(search.values().length(search.address(n)).value_or(0)) +
         ", value_hash " + to_hex(Address{hashes[index(n)]}) + ",";
}

std::string everywhere() { return "in many places"; }

// Tables of lines and exceptions of functions, which the compiler makes: nobody can share those.
bool is_part_of_code(const LeakSearch& search, NodeId n) {
  const auto holders = search.labels().referrers().of(n);
  return !holders.empty() && std::all_of(holders.begin(), holders.end(), [&](NodeId each) {
    return search.type_of(each).name == "builtins.code";
  });
}

// The instance that has `holder` as its dict, or is it itself; kNoNode: it is none of a class.
NodeId instance_of(const LeakSearch& search, NodeId holder) {
  NodeId object = holder;
  if (search.labels().is_namespace(holder)) {
    for (const NodeId each : search.labels().referrers().of(holder))
      if (search.type_of(each).flags & kTpHeapType) object = each;
  }
  return search.type_of(object).flags & kTpHeapType ? object : kNoNode;
}

// An attribute of an instance of a library's class: what its user could do differently is not there.
bool is_attribute_of_library(const LeakSearch& search, NodeId n) {
  for (const NodeId holder : search.labels().referrers().of(n))
    if (const NodeId object = instance_of(search, holder); object != kNoNode)
      return search.origin_of_class(search.type_of(object).address) != Origin::kApplication;
  return false;
}

// What the object is called by who has it: "app.Session.history", or "list" where it is an item.
std::string role_of(const LeakSearch& search, NodeId n) {
  Labels& labels = search.labels();
  for (const NodeId holder : labels.referrers().of(n)) {
    const NodeId object = instance_of(search, holder);
    if (object == kNoNode) continue;
    for (const Labels::Label& label : labels.between(holder, n))
      if (!label.text.empty() && label.text[0] != '[') return search.type_name(object) + "." + label.text;
  }
  return search.type_name(n);
}

// Bytes of a list, dict or set beyond what its items need.
std::uint64_t slack_of(const LeakSearch& search, NodeId n) {
  const Objects& o = search.objects();
  const PyLayout& l = o.layout();
  const TypeInfo& type = search.type_of(n);
  const Address a = search.address(n);
  const std::uint64_t size = search.graph().size[index(n)];
  const std::uint64_t items = search.values().length(a).value_or(0);
  // An empty one: None would do, until there is something to put in.
  if (items == 0) return size;
  if (type.flags & kTpListSubclass) {
    const std::uint64_t allocated = o.load<std::uint64_t>(a, l.PyListObject.allocated).value_or(0);
    const std::uint64_t slack = allocated > items ? 8 * (allocated - items) : 0;
    return slack > size ? 0 : slack > size / 2 ? slack : 0;
  }
  // 24 bytes an entry and a byte and some for its place in the table, two thirds of which is used; 16 and
  // three fifths of a set.
  const std::uint64_t needed = type.flags & kTpDictSubclass ? 100 + 40 * items : 216 + 48 * items;
  return size > 2 * needed ? size - needed : 0;
}

struct TextKind {
  const char *type, *plural, *cure;
};
constexpr TextKind kTextKinds[] = {
    {"builtins.str", " strings",
     "sys.intern() what comes again and again from files, sockets and databases, or use an Enum."},
    {"builtins.bytes", " bytes objects",
     "Share one object for equal values: a dict {value: value} through which all go."},
};

struct Text {
  std::uint64_t hash = 0, length = 0;
  std::uint32_t interpreter = 0;  // they share no objects
  std::uint32_t place = 0;        // among all texts of the type
  auto value() const { return std::tie(hash, length, interpreter); }
};

// By the first bits of their hashes, so that equal ones are in one heap.
constexpr std::size_t kHeaps = 64;
constexpr int kHeapShift = 58;
std::vector<std::vector<Text>> texts_by_hash(const LeakSearch& search, const std::vector<NodeId>& nodes) {
  constexpr std::size_t kPiece = 1 << 14;
  std::vector<TextKey> keys(nodes.size());  // of length 0 what is not compared
  parallel_for((nodes.size() + kPiece - 1) / kPiece, [&](std::size_t piece, unsigned) {
    const std::size_t end = std::min(nodes.size(), (piece + 1) * kPiece);
    for (std::size_t i = piece * kPiece; i < end; ++i)
      if (search.graph().size[index(nodes[i])] <= kLongestComparedText)
        keys[i] = key_of(search, nodes[i]).value_or(TextKey{});
  });
  std::map<std::string, std::uint32_t> interpreters;
  std::vector<std::vector<Text>> heaps(kHeaps);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (keys[i].length < 2) continue;
    Text text{.hash = keys[i].hash, .length = keys[i].length, .place = static_cast<std::uint32_t>(i)};
    if (search.clues().interpreters.size() > 1)
      text.interpreter =
          interpreters
              .try_emplace(search.interpreter_of(nodes[i]), static_cast<std::uint32_t>(interpreters.size()))
              .first->second;
    heaps[text.hash >> kHeapShift].push_back(text);
  }
  parallel_for(kHeaps, [&](std::size_t heap, unsigned) {
    std::sort(heaps[heap].begin(), heaps[heap].end(), [](const Text& a, const Text& b) {
      return a.value() != b.value() ? a.value() < b.value() : a.place < b.place;
    });
    // What is left is every text but the first of each value.
    std::vector<Text>& texts = heaps[heap];
    std::vector<Text> repeated;
    for (std::size_t i = 1; i < texts.size(); ++i)
      if (texts[i].value() == texts[i - 1].value()) repeated.push_back(texts[i]);
    texts = std::move(repeated);
  });
  return heaps;
}

// All of a type but the first of each value, and but those that the compiler made.
std::vector<NodeId> copies_of_others(const LeakSearch& search, const char* type) {
  const std::vector<NodeId> nodes = search.nodes_of(type);
  std::vector<std::uint32_t> places;
  for (const std::vector<Text>& heap : texts_by_hash(search, nodes))
    for (const Text& text : heap) places.push_back(text.place);
  std::sort(places.begin(), places.end());
  std::vector<NodeId> redundant;
  for (const std::uint32_t place : places)
    if (!is_part_of_code(search, nodes[place])) redundant.push_back(nodes[place]);
  return redundant;
}

Suspect duplicates_suspect(const LeakSearch& search, const ByOwner& row, const TextKind& kind) {
  Suspect s{.pattern = "duplicate-values", .node = row.owner, .bytes = row.wasted.bytes};
  s.retained = s.bytes;
  s.objects = row.wasted.nodes.size();
  s.certainty = kSaving;
  if (row.owner == kNoNode) s.owner = everywhere();
  std::map<std::string, std::uint64_t> counts;
  for (const NodeId n : row.wasted.nodes) ++counts[name_of_text(search, n)];
  std::vector<std::pair<std::uint64_t, std::string>> order;
  order.reserve(counts.size());
  for (const auto& [text, count] : counts) order.emplace_back(count, text);
  std::sort(order.rbegin(), order.rend());
  s.evidence = format_count(s.objects) + kind.plural + " are copies of others: ";
  for (std::size_t i = 0; i < std::min<std::size_t>(order.size(), 3); ++i)
    s.evidence += (i ? ", " : "") + order[i].second + " " + format_count(order[i].first) + " times";
  s.cure = kind.cure;
  return s;
}

// The names of the attributes of an instance, in order; `bytes` grows by what instance and dict take.
std::vector<std::string> attribute_names(const LeakSearch& search, NodeId instance, std::uint64_t& bytes) {
  std::vector<std::string> names;
  bytes += search.graph().all_bytes(index(instance));
  for (const Edge& e : search.labels().references_of(instance)) {
    if (e.kind == EdgeKind::kAttribute) names.push_back(edge_label(search.labels().types(), e, true));
    if (e.kind != EdgeKind::kDict) continue;
    if (const NodeId dict = search.node(e.referent); dict != kNoNode)
      bytes += search.graph().size[index(dict)];
    names.clear();
    search.objects().each_item(e.referent, [&](Address key, Address) {
      names.push_back(search.objects().str(key, 60).value_or("?"));
    });
  }
  std::sort(names.begin(), names.end());
  return names;
}

// Some instances of a type that have the same attributes, and few.
struct AlikeInstances {
  std::vector<std::string> attributes;
  std::uint64_t sampled = 0, bytes = 0;
};
std::optional<AlikeInstances> sample_alike(const LeakSearch& search, const std::vector<NodeId>& instances) {
  constexpr std::size_t kSample = 200, kMostAttributes = 30;
  AlikeInstances out;
  const std::size_t step = std::max<std::size_t>(1, instances.size() / kSample);
  for (std::size_t i = 0; i < instances.size(); i += step, ++out.sampled) {
    std::vector<std::string> own = attribute_names(search, instances[i], out.bytes);
    if (out.sampled == 0) out.attributes = own;
    if (own != out.attributes || own.empty() || own.size() > kMostAttributes) return std::nullopt;
  }
  return out;
}

// Instances of it could do without a dict.
bool may_have_slots(const TypeInfo& type) {
  return (type.flags & kTpHeapType) && type.dict != InstanceDict::kNone && type.body == TraverseRule::kNone &&
         !(type.flags & (kTpTypeSubclass | kTpBaseExcSubclass));
}

// 'a', 'b', ...: the inside of a tuple.
std::string slots_of(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 8;
  std::string list;
  for (std::size_t i = 0; i < std::min(names.size(), kMost); ++i) list += (i ? ", '" : "'") + names[i] + "'";
  if (names.size() > kMost) list += ", ...";
  if (names.size() == 1) list += ",";
  return list;
}

Suspect slots_suspect(const LeakSearch& search, const TypeInfo& type, std::size_t instances,
                      const std::vector<std::string>& names, std::uint64_t saved) {
  Suspect s{.pattern = "missing-slots", .node = search.node(type.address), .bytes = saved};
  s.retained = saved;
  s.objects = instances;
  s.certainty = kSaving;
  s.owner = type.name;
  s.evidence = format_count(s.objects) + " instances of " + type.name + " have the same " +
               format_count(names.size(), "attribute", "attributes") + " and a dict each, or room for one";
  s.cure = "__slots__ = (" + slots_of(names) + ") in class " + type.name + ", or dataclass(slots=True).";
  return s;
}

}  // namespace

void find_duplicates(const LeakSearch& search, Suspects& found) {
  for (const TextKind& kind : kTextKinds) {
    const std::vector<NodeId> redundant = copies_of_others(search, kind.type);
    if (redundant.empty()) continue;
    const auto size_of = [&](NodeId n) { return search.graph().size[index(n)]; };
    std::map<std::string, std::size_t> by_value;  // the commonest: which of `found` tells of it
    for (ByOwner& row : by_owner(search, redundant, size_of)) {
      if (row.wasted.bytes < worth_telling(search) || is_of_library(search, row)) continue;
      if (row.owner == kNoNode) leave_out_those_of_libraries(search, row.wasted, size_of);
      if (row.wasted.bytes < worth_telling(search)) continue;
      Suspect s = duplicates_suspect(search, row, kind);
      const std::size_t from = s.evidence.find(": "), times = s.evidence.find(" times");
      const std::string value = s.evidence.substr(from, s.evidence.rfind(' ', times - 1) - from);
      const auto [at, is_new] = by_value.try_emplace(value, found.size());
      if (is_new) {
        found.push_back(std::move(s));
        continue;
      }
      Suspect& first = found[at->second];
      first.bytes += s.bytes;
      first.retained = first.bytes;
      first.objects += s.objects;
      if (row.owner != kNoNode)
        first.evidence +=
            "; " + format_count(s.objects) + " more in " + search.owner_of(search.path_to(row.owner));
    }
  }
}

void find_sparse_containers(const LeakSearch& search, Suspects& found) {
  std::vector<NodeId> sparse;
  std::unordered_map<std::uint32_t, std::uint64_t> slack;
  for (const NodeId n : search.nodes_of([](const TypeInfo& t) {
         return t.name == "builtins.list" || t.name == "builtins.dict" || t.name == "builtins.set";
       })) {
    const std::uint64_t bytes = slack_of(search, n);
    // Attributes have their own pattern, and an instance's dict goes with it.
    if (bytes == 0 || search.labels().is_namespace(n)) continue;
    slack[index(n)] = bytes;
    sparse.push_back(n);
  }
  const auto slack_found = [&](NodeId n) { return slack[index(n)]; };
  for (ByOwner& row : by_owner(search, sparse, slack_found)) {
    if (row.wasted.bytes < worth_telling(search) || is_of_library(search, row)) continue;
    if (row.owner == kNoNode) leave_out_those_of_libraries(search, row.wasted, slack_found);
    if (row.wasted.bytes < worth_telling(search)) continue;
    std::map<std::string, Wasted> roles;
    constexpr std::size_t kSample = 2000;
    const std::size_t step = std::max<std::size_t>(1, row.wasted.nodes.size() / kSample);
    std::uint64_t empty = 0, looked = 0, of_libraries = 0;
    for (std::size_t i = 0; i < row.wasted.nodes.size(); i += step) {
      const NodeId n = row.wasted.nodes[i];
      looked += slack[index(n)];
      if (is_attribute_of_library(search, n)) of_libraries += slack[index(n)];
      Wasted& role = roles[role_of(search, n)];
      role.nodes.push_back(n);
      role.bytes += slack[index(n)];
    }
    constexpr std::uint64_t kTenth = 10;
    if (of_libraries * 2 > looked && row.wasted.bytes < search.heap_bytes() / kTenth) continue;
    for (const NodeId n : row.wasted.nodes)
      empty += search.values().length(search.address(n)) == std::uint64_t{0};
    const auto most = std::max_element(roles.begin(), roles.end(), [](const auto& a, const auto& b) {
      return a.second.bytes < b.second.bytes;
    });
    Suspect s{.pattern = "sparse-containers", .node = row.owner, .bytes = row.wasted.bytes};
    s.retained = s.bytes;
    s.objects = row.wasted.nodes.size();
    s.certainty = kSaving;
    if (row.owner == kNoNode) s.owner = everywhere();
    s.evidence = format_count(s.objects) + " lists, dicts and sets have far more room than items, " +
                 format_count(empty) + " of them none at all; mostly " + most->first;
    s.cure =
        "Make each when there is something to put in (None until then), use a tuple where it does not "
        "change, "
        "and copy a dict or set that was large once.";
    found.push_back(std::move(s));
  }
}

void find_missing_slots(const LeakSearch& search, Suspects& found) {
  constexpr std::size_t kMany = 1000;
  for (const GraphType& each : search.graph().types) {
    const TypeInfo* type = each.info;
    // A class of a library is not the user's to change.
    if (!type || !may_have_slots(*type) || search.origin_of_class(type->address) != Origin::kApplication)
      continue;
    const std::vector<NodeId> instances =
        search.nodes_of([&](const TypeInfo& other) { return &other == type; });
    if (instances.size() < kMany) continue;
    const auto alike = sample_alike(search, instances);
    if (!alike) continue;
    // The head, the collector's, a word for each name and for weak references.
    const std::uint64_t slots = alike->sampled * (16 + 16 + 8 + 8 * alike->attributes.size());
    if (alike->bytes <= slots) continue;
    const std::uint64_t saved = (alike->bytes - slots) / alike->sampled * instances.size();
    if (saved < worth_telling(search)) continue;
    found.push_back(slots_suspect(search, *type, instances.size(), alike->attributes, saved));
  }
}

}  // namespace heapglass
