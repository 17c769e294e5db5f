// The ways into a session's heap: modules, roots and counted references of C code as their starts.
#pragma once

#include <functional>
#include <unordered_map>
#include <vector>

#include "cmd/session.h"
#include "lib/analysis/held_from_outside.h"
#include "lib/analysis/way_text.h"
#include "lib/analysis/ways.h"

namespace heapglass {

class WaysFromOutside {
 public:
  // All borrowed; the session has references.
  WaysFromOutside(const Session& session, Labels& labels, const HeapObjects& values);

  Ways ways(std::function<bool(NodeId)> avoid = {}, std::function<bool(NodeId)> from = {});
  const HeldFromOutside& held() const { return held_; }

 private:
  Labels& labels_;
  HeldFromOutside held_;
  std::vector<NodeId> modules_;
  std::unordered_map<std::uint32_t, bool> is_modules_dict_;
};

}  // namespace heapglass
