// The ways into a session's heap: modules, roots and counted references of C code as their starts.
#pragma once

#include <functional>
#include <unordered_map>
#include <vector>

#include "cmd/session.h"
#include "lib/analysis/external_roots.h"
#include "lib/analysis/path_text.h"
#include "lib/analysis/root_paths.h"

namespace heapglass {

class ExternalRootPaths {
 public:
  // All borrowed; the session has references.
  ExternalRootPaths(const Session& session, Labels& labels, const ObjectView& values);

  RootPaths ways(std::function<bool(NodeId)> avoid = {}, std::function<bool(NodeId)> from = {});
  const ExternalRoots& held() const { return held_; }

 private:
  Labels& labels_;
  ExternalRoots held_;
  std::vector<NodeId> modules_;
  std::unordered_map<std::uint32_t, bool> is_modules_dict_;
};

}  // namespace heapglass
