#include "lib/leaks/members.h"

#include <algorithm>
#include <map>

#include "lib/python/describe.h"

namespace heapglass {
namespace {

constexpr std::size_t kDescribedMembers = 2000;  // members that are looked at for words about all

// The commonest of them where that is nearly all.
std::string commonest(const std::map<std::string, std::size_t>& counts) {
  std::size_t all = 0, most = 0;
  const std::string* name = nullptr;
  for (const auto& [each, count] : counts) {
    all += count;
    if (count > most) {
      most = count;
      name = &each;
    }
  }
  if (!name) return {};
  return most * 10 >= all * 9 ? *name : *name + " and others";
}

bool is_code(const TypeInfo& type) {
  return type.flags & kTpTypeSubclass || type.body == TraverseRule::kModule ||
         type.name == "builtins.function";
}

bool says_bound(const std::string& name) {
  for (const char* word : {"maxsize", "max_size", "maxlen", "max_len", "capacity", "max_entries", "max_items",
                           "max_length", "size_limit", "maxentries"})
    if (name.find(word) != std::string::npos) return true;
  return false;
}

}  // namespace

bool is_growing_container(const TypeInfo& type) {
  if (type.flags & (kTpDictSubclass | kTpListSubclass)) return true;
  return type.body == TraverseRule::kDeque ||
         (type.body == TraverseRule::kSet && type.name.find("frozenset") == std::string::npos);
}

std::vector<NodeId> members_of(const LeakSearch& search, NodeId container) {
  const auto referents = search.graph().referents(container);
  std::vector<NodeId> members(referents.begin(), referents.end());
  const TypeInfo& type = search.type_of(container);
  if (type.flags & kTpHeapType) std::erase(members, search.node(type.address));
  return members;
}

std::string contents_in_words(const LeakSearch& search, NodeId container) {
  const TypeInfo& type = search.type_of(container);
  std::map<std::string, std::size_t> keys, values;
  auto count = [&](std::map<std::string, std::size_t>& in, Address a) {
    if (const NodeId n = search.node(a); n != kNoNode) ++in[search.type_name(n)];
  };
  if (type.flags & kTpDictSubclass) {
    std::size_t seen = 0;
    search.objects().each_item(search.address(container), [&](Address key, Address value) {
      if (++seen > kDescribedMembers) return;
      count(keys, key);
      count(values, value);
    });
    return keys.empty() ? std::string() : commonest(keys) + " to " + commonest(values);
  }
  const std::vector<NodeId> members = members_of(search, container);
  for (std::size_t i = 0; i < std::min(members.size(), kDescribedMembers); ++i)
    count(values, search.address(members[i]));
  return commonest(values);
}

LeakSearch::Kept kept_by_contents(const LeakSearch& search, NodeId container,
                                  const std::vector<NodeId>& members) {
  std::vector<NodeId> all{container};
  std::size_t held_by_others = 0;
  for (const NodeId n : members) {
    if (search.dominators().dominator(n) == container || is_code(search.type_of(n))) continue;
    // A small int or a common string is nobody's.
    if (search.dominators().retained_bytes(n) < 64) continue;
    ++held_by_others;
    all.push_back(n);
  }
  // A few large ones that many entries share are not what the container keeps.
  std::sort(all.begin() + 1, all.end());
  all.erase(std::unique(all.begin() + 1, all.end()), all.end());
  const auto entries = search.values().length(search.address(container)).value_or(members.size());
  if (all.size() - 1 < entries / 2) all.resize(1);
  return search.retained_by_set(all);
}

std::optional<std::uint64_t> bound_of(const LeakSearch& search, NodeId container,
                                      const std::vector<NodeId>& way) {
  const Objects& o = search.objects();
  const std::uint64_t entries = search.values().length(search.address(container)).value_or(0);
  if (search.type_of(container).body == TraverseRule::kDeque) {
    const auto maxlen = o.load<std::int64_t>(search.address(container), o.layout().dequeobject.maxlen);
    if (maxlen && *maxlen >= 0) return static_cast<std::uint64_t>(*maxlen);
  }
  // The object whose attribute it is: right before it, or before its dict; and the container itself, where it
  // is of a class of its own.
  Labels& labels = search.labels();
  std::vector<NodeId> holders{container};
  for (std::size_t i = way.size(); i-- > 0 && holders.size() < 3;)
    if (way[i] != container && !labels.is_namespace(way[i])) holders.push_back(way[i]);
  for (const NodeId holder : holders) {
    if (search.type_of(holder).body == TraverseRule::kModule || !(search.type_of(holder).flags & kTpHeapType))
      continue;
    std::optional<std::uint64_t> bound;
    auto look = [&](const std::string& name, Address value) {
      const auto number = search.values().value(value);
      const auto* n = std::get_if<std::int64_t>(&number);
      if (n && *n > 0 && static_cast<std::uint64_t>(*n) >= entries && says_bound(name))
        bound = static_cast<std::uint64_t>(*n);
    };
    for (const Edge& e : labels.references_of(holder)) {
      if (e.kind == EdgeKind::kAttribute || e.kind == EdgeKind::kSlot)
        look(edge_label(labels.types(), e, true), e.referent);
      if (e.kind == EdgeKind::kDict)
        o.each_item(e.referent,
                    [&](Address key, Address value) { look(o.str(key, 60).value_or(std::string()), value); });
    }
    if (bound) return bound;
  }
  return std::nullopt;
}

}  // namespace heapglass
