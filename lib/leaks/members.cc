#include "lib/leaks/members.h"

#include <algorithm>
#include <map>

#include "lib/heap/wrapped_containers.h"
#include "lib/leaks/bounded_keys.h"
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

bool is_descriptor(const TypeInfo& type) {
  for (const char* each :
       {"builtins.property", "builtins.staticmethod", "builtins.classmethod", "functools.cached_property"})
    if (type.name == each) return true;
  return false;
}

bool is_in_names(const LeakSearch& search, NodeId n) {
  constexpr std::size_t kMostReferrers = 64;
  const auto referrers = search.labels().referrers().of(n);
  return referrers.size() <= kMostReferrers &&
         std::any_of(referrers.begin(), referrers.end(), [&](NodeId each) {
           return search.labels().is_namespace(each) && search.is_structure(each);
         });
}

// Whether others hold `n` as `holder` does, and it is no code and large enough to count.
bool is_held_elsewhere(const LeakSearch& search, NodeId holder, NodeId n) {
  constexpr std::uint64_t kCommon = 64;  // a small int or a common string is nobody's
  return search.dominators().dominator(n) != holder && !is_code(search.type_of(n)) &&
         search.dominators().retained_bytes(n) >= kCommon;
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

NodeId stream_of_parts(const LeakSearch& search, NodeId list) {
  const NodeId above = search.dominators().dominator(list);
  const bool is_part = above != kNoNode && search.type_of(list).flags & kTpListSubclass &&
                       search.type_of(above).name == "_io.StringIO";
  return is_part ? above : kNoNode;
}

bool is_of_definition(const LeakSearch& search, NodeId function) {
  constexpr std::size_t kMostReferrers = 64;
  if (search.type_of(function).name != "builtins.function") return false;
  if (is_in_names(search, function)) return true;
  const auto by = search.labels().referrers().of(function);
  return by.size() <= kMostReferrers && std::any_of(by.begin(), by.end(), [&](NodeId each) {
           return is_descriptor(search.type_of(each)) && is_in_names(search, each);
         });
}

std::string container_name(const LeakSearch& search, NodeId container) {
  const NodeId wrapper = wrapper_of(search.labels(), container).node;
  return search.type_name(wrapper == kNoNode ? container : wrapper);
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
    const bool weak_keys = wrapper_of(search.labels(), container).kind == WrapperKind::kWeakKeys;
    const Objects& o = search.objects();
    o.each_item(search.address(container), [&](Address key, Address value) {
      if (++seen > kDescribedMembers) return;
      if (weak_keys) key = o.pointer(key, o.layout().PyWeakReference.wr_object);
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

std::vector<NodeId> values_of(const LeakSearch& search, NodeId container) {
  if (!(search.type_of(container).flags & kTpDictSubclass)) return members_of(search, container);
  std::vector<NodeId> values;
  search.objects().each_item(search.address(container), [&](Address, Address each) {
    if (const NodeId n = search.node(each); n != kNoNode) values.push_back(n);
  });
  return values;
}

std::size_t sample_step(std::size_t members, std::size_t most) {
  return std::max<std::size_t>(1, members / most) | 1;
}

std::vector<NodeId> some_objects(const LeakSearch& search, const std::vector<NodeId>& objects) {
  constexpr std::size_t kSome = 300;
  std::vector<NodeId> some;
  const std::size_t step = std::max<std::size_t>(1, objects.size() / kSome);
  for (std::size_t i = 0; i < objects.size(); i += step) {
    const TypeInfo& type = search.type_of(objects[i]);
    const bool common = type.flags & (kTpUnicodeSubclass | kTpLongSubclass | kTpBytesSubclass) ||
                        is_code(type) || type.name == "builtins.NoneType" || type.name == "builtins.float";
    if (!common) some.push_back(objects[i]);
  }
  return some;
}

std::optional<NestedContents> nested_contents(const LeakSearch& search, NodeId container) {
  constexpr std::size_t kMostLooked = 1 << 20, kSampled = 100, kRecord = 8, kFew = 16;
  constexpr int kDeepest = 4;
  std::vector<NodeId> level = values_of(search, container);
  NestedContents out{.words = container_name(search, container) + " of "};
  int depth = 0;
  for (; depth < kDeepest && level.size() >= 2 && level.size() <= kMostLooked; ++depth) {
    const TypeInfo* const type = &search.type_of(level[0]);
    const std::size_t step = std::max<std::size_t>(1, level.size() / kSampled);
    std::size_t seen = 0, alike = 0;
    for (std::size_t i = 0; i < level.size(); i += step, ++seen)
      alike += &search.type_of(level[i]) == type && !search.labels().is_namespace(level[i]);
    if (!is_growing_container(*type) || alike * 10 < seen * 9) break;
    std::vector<NodeId> inside;
    for (const NodeId n : level) {
      if (!is_growing_container(search.type_of(n))) continue;
      const std::vector<NodeId> of_one = values_of(search, n);
      inside.insert(inside.end(), of_one.begin(), of_one.end());
      if (inside.size() > kMostLooked) break;
    }
    // Rows, points and what JSON makes of an object.
    if (level.size() >= kFew && inside.size() < kRecord * level.size()) break;
    out.words += (depth ? " of " : "") + format_count(level.size()) + " " + search.type_name(level[0]) + "s";
    level = std::move(inside);
  }
  if (depth == 0 || level.empty()) return std::nullopt;
  out.items = level.size();
  std::map<std::string, std::size_t> types;
  for (std::size_t i = 0; i < std::min(level.size(), kDescribedMembers); ++i)
    ++types[search.type_name(level[i])];
  out.words += ", " + format_count(out.items) + " " + commonest(types) + " in all";
  return out;
}

std::vector<NodeId> in_records(const LeakSearch& search, NodeId container,
                               const std::vector<NodeId>& members) {
  constexpr std::size_t kMostParts = 8;
  std::vector<NodeId> out;
  out.reserve(members.size());
  for (const NodeId n : members) {
    const std::size_t before = out.size();
    if (search.type_of(n).name == "builtins.tuple" && search.dominators().dominator(n) == container &&
        search.graph().referents(n).size() <= kMostParts)
      for (const NodeId part : search.graph().referents(n))
        if (is_held_elsewhere(search, n, part)) out.push_back(part);
    if (out.size() == before) out.push_back(n);
  }
  return out;
}

LeakSearch::Kept kept_by_contents(const LeakSearch& search, NodeId container,
                                  const std::vector<NodeId>& members) {
  std::vector<NodeId> all{container};
  for (const NodeId n : in_records(search, container, members))
    if (is_held_elsewhere(search, container, n)) all.push_back(n);
  // A few large ones that many entries share, as the application that each refers to, are not what the
  // container keeps.
  const auto entries = search.values().length(search.address(container)).value_or(members.size());
  const auto most_alike = static_cast<std::ptrdiff_t>(2 + entries / 16);
  std::sort(all.begin() + 1, all.end());
  auto end = all.begin() + 1;
  for (auto at = end; at != all.end();) {
    const auto next = std::upper_bound(at, all.end(), *at);
    if (next - at <= most_alike) *end++ = *at;
    at = next;
  }
  all.erase(end, all.end());
  if (all.size() - 1 < entries / 2) all.resize(1);
  return search.retained_by_set(all);
}

std::optional<std::uint64_t> bound_of(const LeakSearch& search, NodeId container,
                                      const std::vector<NodeId>& path) {
  const Objects& o = search.objects();
  const std::uint64_t entries = search.values().length(search.address(container)).value_or(0);
  if (search.type_of(container).body == TraverseRule::kDeque) {
    const auto maxlen = o.load<std::int64_t>(search.address(container), o.layout().dequeobject.maxlen);
    if (maxlen && *maxlen >= 0) return static_cast<std::uint64_t>(*maxlen);
  }
  // Under each key there may be a collection that grows: then the number of keys bounds nothing.
  if (const auto most = most_keys(search, container); most && !nested_contents(search, container))
    return most;
  // The object whose attribute it is: right before it, or before its dict; and the container itself, where it
  // is of a class of its own.
  Labels& labels = search.labels();
  std::vector<NodeId> holders{container};
  for (std::size_t i = path.size(); i-- > 0 && holders.size() < 3;)
    if (path[i] != container && !labels.is_namespace(path[i])) holders.push_back(path[i]);
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
