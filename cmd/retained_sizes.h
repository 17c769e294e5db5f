// Retained sizes for commands that can do without them: computed only where somebody asks.
#pragma once

#include <initializer_list>
#include <memory>
#include <optional>

#include "cmd/session.h"
#include "lib/analysis/dominators.h"
#include "lib/analysis/external_roots.h"
#include "lib/analysis/object_view.h"

namespace heapglass {

// From now on `values` tells retained sizes, which are computed when the first of them is asked for. The
// session has references, and outlives `values`.
inline void enable_retained_sizes(ObjectView& values, const Session& session) {
  const auto dominators = std::make_shared<std::optional<Dominators>>();
  values.retained = [dominators, &session](NodeId n) {
    if (!*dominators)
      dominators->emplace(session.graph(), find_external_roots(session.graph(), session.objects()).held);
    return (*dominators)->retained_bytes(n);
  };
}

inline bool uses_retained(std::initializer_list<const std::optional<Expression>*> expressions) {
  for (const auto* e : expressions)
    if (*e && (*e)->uses(ExpressionField::kRetained)) return true;
  return false;
}

}  // namespace heapglass
