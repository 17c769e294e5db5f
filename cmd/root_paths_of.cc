#include "cmd/root_paths_of.h"

namespace heapglass {

ExternalRootPaths::ExternalRootPaths(const Session& session, Labels& labels, const ObjectView& values)
    : labels_(labels), held_(find_external_roots(session.graph(), session.objects())) {
  const HeapGraph& graph = session.graph();
  for (std::uint32_t n = 0; n < graph.nodes(); ++n)
    if (labels.type_of(NodeId{n}).body == TraverseRule::kModule &&
        values.is_in_sys_modules(labels.address(NodeId{n})))
      modules_.push_back(NodeId{n});
}

RootPaths ExternalRootPaths::ways(std::function<bool(NodeId)> avoid, std::function<bool(NodeId)> from) {
  WaysOptions options{
      .modules = modules_, .held = &held_.held, .avoid = std::move(avoid), .from = std::move(from)};
  // The globals of a module are held by each of its functions and frames, and a class by each of its objects.
  options.redundant = [this](NodeId holder, NodeId held) {
    if (labels_.type_of(held).flags & kTpTypeSubclass && !(labels_.type_of(holder).flags & kTpTypeSubclass) &&
        labels_.type_of(holder).address == labels_.address(held))
      return true;
    if (labels_.type_of(holder).body == TraverseRule::kModule ||
        !(labels_.type_of(held).flags & kTpDictSubclass))
      return false;
    const auto [at, is_new] = is_modules_dict_.try_emplace(index(held), false);
    if (is_new)
      for (const NodeId n : labels_.referrers().of(held))
        at->second |= labels_.type_of(n).body == TraverseRule::kModule;
    return at->second;
  };
  return RootPaths(labels_.graph(), labels_.referrers(), std::move(options));
}

}  // namespace heapglass
