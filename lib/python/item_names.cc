#include "lib/python/item_names.h"

#include <string_view>

#include "lib/python/python_repr.h"

namespace heapglass {
namespace {

constexpr std::int64_t kMostFields = 10'000;
constexpr std::size_t kLongestName = 200;

std::string_view type_name_of(TypeTable& types, Address object) {
  const TypeInfo* type = is_null(object) ? nullptr : types.get(types.objects().type_of(object));
  return type ? std::string_view(type->name) : std::string_view();
}

// What namedtuple() makes for an item: a _tuplegetter, to 3.7 a property whose function is an itemgetter.
bool is_of_item(TypeTable& types, Address descriptor) {
  const std::string_view type = type_name_of(types, descriptor);
  if (type.ends_with("._tuplegetter")) return true;
  if (type != "builtins.property") return false;
  const Objects& o = types.objects();
  return type_name_of(types, named_field(o, descriptor, *types.get(o.type_of(descriptor)), "prop_get")) ==
         "operator.itemgetter";
}

// namedtuple() writes `_fields` and a descriptor of each into the dict of one class. One that has only
// `_fields` says nothing of where its items are.
std::vector<std::string> names_in_fields(TypeTable& types, Address dict) {
  const Objects& o = types.objects();
  const Address fields = o.item(dict, "_fields");
  if (type_name_of(types, fields) != "builtins.tuple") return {};
  const std::int64_t count = o.ob_size(fields);
  if (count <= 0 || count > kMostFields) return {};
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto name = o.str(
        o.pointer(fields, o.layout().PyTupleObject.ob_item + static_cast<std::int32_t>(8 * i)), kLongestName);
    if (!name || !is_of_item(types, o.item(dict, *name))) return {};
    names.push_back(*name);
  }
  return names;
}

// Members of a C type that lie where its items are.
std::vector<std::string> names_of_members(TypeTable& types, Address dict) {
  constexpr std::int32_t kObject = 6, kObjectEx = 16, kAfterItems = 0x10;  // Include/structmember.h
  const Objects& o = types.objects();
  const PyLayout& l = o.layout();
  std::vector<std::string> names;
  std::int64_t looked_at = 0;
  o.each_item(dict, [&](Address key, Address value) {
    if (++looked_at > kMostFields) return false;
    if (type_name_of(types, value) != "builtins.member_descriptor") return true;
    const Address member = o.pointer(value, l.PyMemberDescrObject.d_member);
    const auto kind = o.load<std::int32_t>(member, l.PyMemberDef.type);
    const auto offset = o.load<std::int64_t>(member, l.PyMemberDef.offset);
    const auto flags = o.load<std::int32_t>(member, l.PyMemberDef.flags).value_or(0);
    if ((kind != kObject && kind != kObjectEx) || !offset || flags & kAfterItems) return true;
    const std::int64_t in_items = *offset - l.PyTupleObject.ob_item;
    if (in_items < 0 || in_items % 8 != 0 || in_items / 8 >= kMostFields) return true;
    const auto at = static_cast<std::size_t>(in_items / 8);
    if (names.size() <= at) names.resize(at + 1);
    names[at] = o.str(key, kLongestName).value_or(std::string());
    return true;
  });
  return names;
}

}  // namespace

const std::vector<std::string>& ItemNames::of(const TypeInfo& type) {
  const auto [at, is_new] = by_type_.try_emplace(value(type.address));
  if (!is_new || !(type.flags & kTpTupleSubclass)) return at->second;
  constexpr int kDeepest = 100;
  const TypeInfo* each = &type;
  for (int i = 0; each && each->name != "builtins.tuple" && i < kDeepest && at->second.empty(); ++i) {
    const Address dict = types_.type_dict(each->address);
    if (!is_null(dict)) at->second = names_in_fields(types_, dict);
    if (!is_null(dict) && at->second.empty()) at->second = names_of_members(types_, dict);
    each = is_null(each->base) ? nullptr : types_.get(each->base);
  }
  return at->second;
}

}  // namespace heapglass
