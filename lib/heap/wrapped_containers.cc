#include "lib/heap/wrapped_containers.h"

#include <algorithm>
#include <string_view>

#include "lib/python/describe.h"
#include "lib/python/own_dict.h"

namespace heapglass {
namespace {

constexpr std::string_view kInner = "data";  // what each of them calls it

struct Row {
  std::string_view type;
  WrapperKind kind;
};
constexpr Row kWrappers[] = {
    {"weakref.WeakKeyDictionary", WrapperKind::kWeakKeys},
    {"weakref.WeakValueDictionary", WrapperKind::kWeakValues},
    {"_weakrefset.WeakSet", WrapperKind::kWeakElements},
    {"collections.UserDict", WrapperKind::kPlain},
    {"collections.UserList", WrapperKind::kPlain},
};

WrapperKind kind_of(Labels& labels, NodeId n) {
  constexpr int kDeepest = 100;
  const TypeInfo* type = &labels.type_of(n);
  for (int i = 0; type && type->flags & kTpHeapType && i < kDeepest; ++i) {
    for (const Row& row : kWrappers)
      if (type->name == row.type) return row.kind;
    type = is_null(type->base) ? nullptr : labels.types().get(type->base);
  }
  return WrapperKind::kNone;
}

bool calls_it_data(Labels& labels, NodeId holder, NodeId container) {
  const bool names = labels.is_namespace(holder);
  for (const Edge& edge : labels.references_of(holder))
    if (edge.referent == labels.address(container) &&
        (names ? edge.kind == EdgeKind::kValue : edge.kind == EdgeKind::kAttribute) &&
        edge_label(labels.types(), edge, names) == kInner)
      return true;
  return false;
}

}  // namespace

Wrapper wrapper_of(Labels& labels, NodeId container) {
  const TypeInfo& type = labels.type_of(container);
  if (!(type.flags & (kTpDictSubclass | kTpListSubclass)) && type.body != TraverseRule::kSet) return {};
  if (labels.is_namespace(container)) return {};
  // One that many refer to is none's own.
  constexpr std::size_t kMostReferrers = 64;
  const auto referrers = labels.referrers().of(container);
  if (referrers.size() > kMostReferrers) return {};
  for (const NodeId holder : referrers) {
    if (const WrapperKind kind = kind_of(labels, holder); kind != WrapperKind::kNone) {
      if (calls_it_data(labels, holder, container)) return {holder, kind};
      continue;
    }
    if (!labels.is_namespace(holder) || !calls_it_data(labels, holder, container)) continue;
    const auto owners = labels.referrers().of(holder);
    if (owners.size() > kMostReferrers) continue;  // the globals of a module, which each of its functions has
    for (const NodeId owner : owners)
      if (const WrapperKind kind = kind_of(labels, owner); kind != WrapperKind::kNone) return {owner, kind};
  }
  return {};
}

}  // namespace heapglass
