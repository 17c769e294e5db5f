#include "cmd/heap_as_tables.h"

#include "cmd/memory_bill_of.h"
#include "cmd/retained_sizes.h"
#include "cmd/root_paths_of.h"
#include "lib/query/heap_tables.h"

namespace heapglass {
namespace {

Owners owners_of(const Session& session, Labels& labels, const ObjectView& values) {
  ExternalRootPaths outside(session, labels, values);
  const RootPaths from_modules = outside.ways({}, [&](NodeId n) {
    return labels.type_of(n).body == TraverseRule::kModule && values.is_in_sys_modules(labels.address(n));
  });
  return find_owners({from_modules, outside.ways(), labels, values});
}

}  // namespace

HeapAsTables::HeapAsTables(Session& session)
    : session_(session),
      referrers_(reverse(session.graph())),
      labels_(session.types(), session.graph(), referrers_),
      values_(session.types(), session.graph(), session.interpreters()) {
  enable_retained_sizes(values_, session);
  tables_ = heap_tables({session.types(), session.graph(), session.interpreters(), values_, labels_,
                         [this] { return owners_of(session_, labels_, values_); },
                         [this] { return arenas_of(session_); }});
  for (const auto& table : tables_) borrowed_.push_back(table.get());
}

}  // namespace heapglass
