#include "lib/heap/heap.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "lib/base/edit_distance.h"
#include "lib/base/error.h"
#include "lib/base/progress.h"
#include "lib/base/type_name.h"
#include "lib/heap/describe_address.h"
#include "lib/heap/garbage_options.h"
#include "lib/target/freeze.h"

namespace heapglass {
namespace {

// The table of interned strings has every one of them, but does not keep it alive. The cache of attribute
// names keeps one until it has another: whatever else refers to it says more of it.
bool has_names_of_others(const GraphRoot& root) {
  if (root.edge.kind != EdgeKind::kField) return false;
  const std::string_view name = reinterpret_cast<const FieldName*>(root.edge.payload)->name;
  return name.ends_with("interned_strings") || name.starts_with("type_cache");
}

// Where paths begin, by how much that says of an object.
std::vector<std::vector<NodeId>> path_starts(const HeapGraph& graph, const std::vector<NodeId>& modules,
                                             const ExternalRoots& external) {
  // Of paths that are as short as one another, the one that says most comes first.
  std::vector<NodeId> known = modules, unsure, counted;
  // A module's dict belongs to the module, whatever else refers to it: the frame that runs the module's code,
  // the interpreter.
  std::vector<bool> of_module(graph.nodes());
  for (const NodeId module : modules)
    for (const NodeId n : graph.referents(module)) of_module[index(n)] = true;
  for (const RootKind kind :
       {RootKind::kFrame, RootKind::kThreadState, RootKind::kInterpreter, RootKind::kStaticType})
    for (const GraphRoot& root : graph.roots)
      if (root.kind == kind && !of_module[index(root.node)])
        (root.guess || has_names_of_others(root) ? unsure : known).push_back(root.node);
  // A word of a value stack may be stale, and of a reference count nobody knows whose it is.
  for (std::uint32_t n = 0; n < graph.nodes(); ++n)
    if (external.held[n]) counted.push_back(NodeId{n});
  return {std::move(known), std::move(unsure), std::move(counted)};
}

}  // namespace

struct Heap::Answers {
  // A value that is made when it is first asked for, once.
  template <class T>
  class OnDemand {
   public:
    template <class Make>
    T& get(Make make) {
      // In place: not everything here can be moved.
      std::call_once(made_, [&] { value_.reset(new T(make())); });
      return *value_;
    }
    template <class Make>
    T& get(Stage stage, Make make) {
      return get([&] {
        const InStage making(stage);
        return make();
      });
    }

   private:
    std::once_flag made_;
    std::unique_ptr<T> value_;
  };

  OnDemand<Referrers> referrers;
  OnDemand<std::vector<NodeId>> weak_referents;  // sorted, one for each reference
  OnDemand<ExternalRoots> external_roots;
  OnDemand<Dominators> dominators;
  OnDemand<std::vector<NodeId>> modules;
  OnDemand<RootPaths> root_paths;
  OnDemand<Garbage> garbage;
  OnDemand<Owners> owners;
  OnDemand<Labels> labels;
  OnDemand<ObjectView> view;
};

Heap::Heap(std::unique_ptr<HeapParts> parts)
    : parts_(std::move(parts)), answers_(std::make_unique<Answers>()) {}
Heap::~Heap() = default;

std::vector<std::string> Heap::type_names() const {
  std::vector<std::string> names;
  for (const GraphType& t : graph().types)
    if (names.empty() || names.back() != t.name) names.push_back(t.name);
  return names;
}

std::string Heap::hint_of_missing_type(const std::string& wanted) const {
  const HeapGraph& g = graph();
  const auto is_wanted = [&](const TypeInfo* type) { return type && type_matches(type->name, wanted); };
  for (std::uint32_t n = 0; n < g.nodes(); ++n)
    if (g.types[g.type[n]].info->flags & kTpTypeSubclass && is_wanted(types().get(address(NodeId{n}))))
      return "the class is there, and has no instances of its own";
  return did_you_mean(near_names(wanted, type_names(), 3));
}

std::vector<NodeId> Heap::select(const std::vector<std::string>& types,
                                 const std::vector<Address>& ids) const {
  const HeapGraph& g = graph();
  std::vector<NodeId> nodes;
  for (const Address a : ids) {
    const NodeId node = g.index->find(a);
    if (node == kNoNode)
      throw Error(ErrorKind::kUsage,
                  "there is no object at " + to_hex(a) + ": " + describe_address(capture(), g, a),
                  "ids are addresses of this moment: `heapglass objects` lists them");
    nodes.push_back(node);
  }
  for (const std::string& wanted : types) {
    std::vector<bool> matches(g.types.size());
    bool any = false;
    for (std::size_t t = 0; t < g.types.size(); ++t)
      any |= matches[t] = type_matches(g.types[t].name, wanted);
    const std::size_t before = nodes.size();
    for (std::uint32_t n = 0; any && n < g.nodes(); ++n)
      if (matches[g.type[n]]) nodes.push_back(NodeId{n});
    if (nodes.size() == before)
      throw Error(ErrorKind::kUsage, "there is no object of type '" + wanted + "' in " + target().name(),
                  hint_of_missing_type(wanted));
  }
  return nodes;
}

CaptureOrigin Heap::origin() const {
  CaptureOrigin origin = target().origin();
  origin.time_ms = capture().time_ms;
  return origin;
}

bool Heap::read_while_running() const { return capture().freeze == name_of(FreezeMode::kNone); }

std::uint64_t Heap::torn() const {
  std::uint64_t count = 0;
  for (unsigned i = 0; read_while_running() && i < static_cast<unsigned>(Skip::kCount); ++i)
    if (static_cast<Skip>(i) != Skip::kTooMany) count += read_errors().count(static_cast<Skip>(i));
  return count;
}

const Referrers& Heap::referrers() const {
  return answers_->referrers.get(Stage::kReferrers, [&] { return reverse(graph()); });
}

std::uint64_t Heap::weak_references(NodeId node) const {
  const auto& all = answers_->weak_referents.get([&] {
    std::vector<NodeId> referents;
    for (std::uint64_t e = 0; e < graph().edge_class.size(); ++e)
      if (graph().edge_class[e] == EdgeClass::kWeak) referents.push_back(graph().referent[e]);
    std::sort(referents.begin(), referents.end());
    return referents;
  });
  const auto [first, end] = std::equal_range(all.begin(), all.end(), node);
  return static_cast<std::uint64_t>(end - first);
}

const ExternalRoots& Heap::external_roots() const {
  return answers_->external_roots.get(Stage::kRoots, [&] { return find_external_roots(graph(), objects()); });
}

const Dominators& Heap::dominators() const {
  return answers_->dominators.get(Stage::kDominators,
                                  [&] { return Dominators(graph(), external_roots().held); });
}

const std::vector<NodeId>& Heap::modules() const {
  return answers_->modules.get([&] {
    const ObjectView of_this_thread(types(), graph(), interpreters());
    std::vector<NodeId> found;
    for (std::uint32_t n = 0; n < graph().nodes(); ++n)
      if (type_of(NodeId{n}).info->body == TraverseRule::kModule &&
          of_this_thread.is_in_sys_modules(address(NodeId{n})))
        found.push_back(NodeId{n});
    return found;
  });
}

RootPaths Heap::root_paths(const std::function<bool(NodeId)>& avoid,
                           const std::function<bool(NodeId)>& from) const {
  RootPathOptions options{.avoid = avoid};
  if (from) {
    std::vector<NodeId> chosen;
    for (std::uint32_t n = 0; n < graph().nodes(); ++n)
      if (from(NodeId{n})) chosen.push_back(NodeId{n});
    options.starts.push_back(std::move(chosen));
  } else {
    options.starts = path_starts(graph(), modules(), external_roots());
  }
  // The globals of a module are referred to by each of its functions and frames, and a class by each of its
  // objects.
  options.redundant = [this, is_dict_of_module = std::unordered_map<std::uint32_t, bool>()](
                          NodeId referrer, NodeId referent) mutable {
    const TypeInfo &of = *type_of(referrer).info, &to = *type_of(referent).info;
    if (to.flags & kTpTypeSubclass && !(of.flags & kTpTypeSubclass) && of.address == address(referent))
      return true;
    if (of.body == TraverseRule::kModule || !(to.flags & kTpDictSubclass)) return false;
    const auto [at, is_new] = is_dict_of_module.try_emplace(index(referent), false);
    if (is_new)
      for (const NodeId n : referrers().of(referent))
        at->second |= type_of(n).info->body == TraverseRule::kModule;
    return at->second;
  };
  return RootPaths(graph(), referrers(), std::move(options));
}

const RootPaths& Heap::root_paths() const {
  return answers_->root_paths.get(Stage::kPaths, [&] { return root_paths({}, {}); });
}

const Garbage& Heap::garbage() const {
  return answers_->garbage.get(Stage::kGarbage, [&] {
    return find_garbage(graph(), garbage_options(types(), graph(), interpreters()));
  });
}

const Owners& Heap::owners() const {
  return answers_->owners.get(Stage::kOwners, [&] {
    const RootPaths from_modules(graph(), referrers(), {.starts = {modules()}});
    Labels of_this_thread(types(), graph(), referrers());
    const ObjectView values(types(), graph(), interpreters());
    return find_owners({from_modules, root_paths(), of_this_thread, values});
  });
}

Labels& Heap::labels() const {
  return answers_->labels.get([&] { return Labels(types(), graph(), referrers()); });
}

const ObjectView& Heap::view() const {
  return answers_->view.get([&] {
    return ObjectView(types(), graph(), interpreters(),
                      [this](NodeId n) { return dominators().retained_bytes(n); });
  });
}

}  // namespace heapglass
