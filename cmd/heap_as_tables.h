// A session's heap as the tables that `query` asks and `export` writes: the same numbers in both.
#pragma once

#include <memory>
#include <vector>

#include "cmd/session.h"
#include "lib/analysis/object_view.h"
#include "lib/graph/labels.h"
#include "lib/query/query_table.h"

namespace heapglass {

// The session was opened with references, and is borrowed.
class HeapAsTables {
 public:
  explicit HeapAsTables(Session& session);
  const std::vector<QueryTable*>& all() const { return borrowed_; }

 private:
  Session& session_;
  const Referrers referrers_;
  Labels labels_;
  ObjectView values_;
  std::vector<std::unique_ptr<QueryTable>> tables_;
  std::vector<QueryTable*> borrowed_;
};

}  // namespace heapglass
