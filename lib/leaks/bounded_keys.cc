#include "lib/leaks/bounded_keys.h"

#include <map>
#include <vector>

namespace heapglass {
namespace {

class KeyKinds {
 public:
  explicit KeyKinds(const LeakSearch& search) : search_(search) {}

  // False: there is no end of keys of its kind.
  bool add(Address key) {
    std::vector<Address> kind;
    const auto most = key_values(key, kind, 0);
    if (most) most_.emplace(std::move(kind), *most);
    return most.has_value();
  }
  // Of all kinds that were added.
  std::uint64_t most() const {
    std::uint64_t sum = 0;
    for (const auto& [kind, values] : most_) sum += values;
    return sum;
  }

 private:
  static constexpr std::int64_t kLongestTuple = 8;
  static constexpr int kDeepest = 3;
  static constexpr std::uint64_t kMany = 1 << 30;  // products and sums of less are exact

  // How many keys there are of the kind of this one, whose classes are added to `kind`.
  std::optional<std::uint64_t> key_values(Address key, std::vector<Address>& kind, int depth) {
    const NodeId n = search_.node(key);
    if (n == kNoNode) return std::nullopt;
    const TypeInfo& type = search_.type_of(n);
    kind.push_back(type.address);
    if (type.name == "builtins.bool") return 2;
    if (type.name == "builtins.NoneType") return 1;
    if (type.name == "builtins.tuple" && depth < kDeepest) return tuples(key, kind, depth);
    return members_of_enum(type);
  }

  std::optional<std::uint64_t> tuples(Address key, std::vector<Address>& kind, int depth) {
    const Objects& o = search_.objects();
    const auto items = o.ob_size(key);
    if (items < 0 || items > kLongestTuple) return std::nullopt;
    std::uint64_t all = 1;
    for (std::int64_t i = 0; i < items; ++i) {
      const auto values =
          key_values(o.pointer(key, o.layout().PyTupleObject.ob_item + static_cast<std::int32_t>(8 * i)),
                     kind, depth + 1);
      if (!values) return std::nullopt;
      all *= *values;
      if (all > kMany) return std::nullopt;
    }
    kind.push_back(Address{});
    return all;
  }

  // A Flag has members without a name too, made when they are asked for: they are not among these.
  std::optional<std::uint64_t> members_of_enum(const TypeInfo& type) {
    const auto [at, is_new] = members_.emplace(type.address, std::nullopt);
    if (is_new && is_enum(search_, type)) {
      const Objects& o = search_.objects();
      o.each_item(o.pointer(type.address, o.layout().PyTypeObject.tp_dict), [&](Address name, Address value) {
        if (o.str(name, 20) != "_member_map_") return;
        const auto members = search_.values().length(value);
        if (members && *members <= kMany) at->second = members;
      });
    }
    return at->second;
  }

  const LeakSearch& search_;
  std::map<Address, std::optional<std::uint64_t>> members_;  // of classes
  std::map<std::vector<Address>, std::uint64_t> most_;       // of kinds
};

}  // namespace

// By the class of the class: IntEnum has int for a base, and Enum beside it.
bool is_enum(const LeakSearch& search, const TypeInfo& type) {
  const NodeId n = type.flags & kTpHeapType ? search.node(type.address) : kNoNode;
  if (n == kNoNode) return false;
  const TypeInfo& metaclass = search.type_of(n);
  // EnumType from 3.11 on.
  return search.is_derived(metaclass, "enum.EnumMeta") || search.is_derived(metaclass, "enum.EnumType");
}

std::optional<std::uint64_t> most_keys(const LeakSearch& search, NodeId dict) {
  constexpr std::uint64_t kMostKeys = 1 << 20;  // no program has an Enum of a million members
  if (!(search.type_of(dict).flags & kTpDictSubclass)) return std::nullopt;
  KeyKinds kinds(search);
  std::uint64_t keys = 0;
  bool is_bounded = true;
  search.objects().each_item(search.address(dict), [&](Address key, Address) {
    ++keys;
    is_bounded = is_bounded && keys <= kMostKeys && kinds.add(key);
  });
  const std::uint64_t most = is_bounded ? kinds.most() : 0;
  return keys && most >= keys ? std::optional(most) : std::nullopt;
}

}  // namespace heapglass
