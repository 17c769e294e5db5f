#include "lib/leaks/leak_search.h"

#include <algorithm>

#include "lib/heap/holders.h"
#include "lib/heap/path_text.h"
#include "lib/python/describe.h"
#include "lib/python/python_repr.h"

namespace heapglass {
namespace {

// Members of a collection of so many are alike, of fewer each has its own meaning.
constexpr std::uint64_t kFewMembers = 16;

std::string_view folder_of(std::string_view file) {
  const std::size_t slash = file.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : file.substr(0, slash + 1);
}

}  // namespace

LeakSearch::LeakSearch(LeakClues clues)
    : clues_(std::move(clues)),
      labels_(clues_.labels),
      values_(clues_.values),
      ways_(clues_.ways),
      dominators_(clues_.dominators),
      garbage_(graph().nodes()),
      stamp_(graph().nodes()),
      known_(graph().nodes()),
      owner_(graph().nodes(), kNoNode) {
  for (const NodeId n : clues_.garbage.freed) garbage_[index(n)] = true;
  for (std::uint32_t n = 0; n < graph().nodes(); ++n) heap_bytes_ += graph().size[n];
  group_by_type();
  for (const NodeId n : nodes_of([](const TypeInfo& t) { return t.body == TraverseRule::kModule; })) {
    if (!values_.is_in_sys_modules(address(n))) continue;
    modules_.emplace(module_name(n), n);
  }
  const Address os = modules_.count("os") ? address(modules_.at("os")) : Address{};
  if (!is_null(os))
    library_ = folder_of(objects().str(values_.attribute(os, "__file__")).value_or(std::string()));
}

void LeakSearch::group_by_type() {
  const HeapGraph& g = graph();
  first_of_type_.assign(g.types.size() + 1, 0);
  for (const std::uint32_t t : g.type) ++first_of_type_[t + 1];
  for (std::size_t t = 0; t < g.types.size(); ++t) first_of_type_[t + 1] += first_of_type_[t];
  std::vector<std::uint32_t> next = first_of_type_;
  by_type_.resize(g.nodes());
  for (std::uint32_t n = 0; n < g.nodes(); ++n) by_type_[next[g.type[n]]++] = NodeId{n};
}

std::vector<NodeId> LeakSearch::nodes_of(const std::function<bool(const TypeInfo&)>& is) const {
  std::vector<NodeId> nodes;
  for (std::size_t t = 0; t < graph().types.size(); ++t)
    if (graph().types[t].info && is(*graph().types[t].info))
      nodes.insert(nodes.end(), by_type_.begin() + first_of_type_[t],
                   by_type_.begin() + first_of_type_[t + 1]);
  return nodes;
}

std::vector<NodeId> LeakSearch::nodes_of(std::string_view type_name) const {
  return nodes_of([&](const TypeInfo& t) { return t.name == type_name; });
}

LeakSearch::Kept LeakSearch::retained_by_set(std::span<const NodeId> members) const {
  ++question_;
  for (const NodeId n : members) stamp_[index(n)] = question_;
  // Members that hang from other members in a long chain are counted twice: rather that than walk it for
  // each.
  constexpr int kFarthest = 100;
  Kept kept;
  std::vector<NodeId> once(members.begin(), members.end());
  std::sort(once.begin(), once.end());
  once.erase(std::unique(once.begin(), once.end()), once.end());
  for (const NodeId n : once) {
    NodeId above = dominators_.dominator(n);
    for (int i = 0; i < kFarthest && above != kNoNode && stamp_[index(above)] != question_; ++i)
      above = dominators_.dominator(above);
    if (above != kNoNode && stamp_[index(above)] == question_) continue;
    kept += {dominators_.retained_bytes(n), dominators_.retained_objects(n)};
  }
  return kept;
}

std::string LeakSearch::module_name(NodeId module) const {
  const Address name = values_.attribute(address(module), "__name__");
  return is_null(name) ? std::string() : objects().str(name).value_or(std::string());
}

NodeId LeakSearch::module_of_dict(NodeId dict) const {
  const std::int32_t md_dict = objects().layout().PyModuleObject.md_dict;
  for (const NodeId n : labels_.referrers().of(dict))
    if (type_of(n).body == TraverseRule::kModule && objects().pointer(address(n), md_dict) == address(dict) &&
        values_.is_in_sys_modules(address(n)))
      return n;
  return kNoNode;
}

// The module that an object of a module's namespace is at home in: where it was defined, or where its class
// was.
std::string LeakSearch::home_of(NodeId n) const {
  const TypeInfo& type = type_of(n);
  if (type.flags & kTpTypeSubclass) return type_module(labels_.types(), address(n));
  const Address own = values_.attribute(address(n), "__module__");
  if (!is_null(own))
    if (const auto text = objects().str(own)) return *text;
  if (type.name == "builtins.function" || type.name == "functools._lru_cache_wrapper") {
    const Address name = named_field(objects(), address(n), type, "func_module");
    return is_null(name) ? std::string() : objects().str(name).value_or(std::string());
  }
  return type.flags & kTpHeapType ? type_module(labels_.types(), type.address) : std::string();
}

std::vector<NodeId> LeakSearch::way_to(NodeId n) const {
  std::vector<NodeId> way = ways_.shortest(n);
  // Module, its dict, the object: another module may have been as near.
  if (way.size() < 3 || type_of(way[0]).body != TraverseRule::kModule || module_of_dict(way[1]) != way[0])
    return way;
  const std::string home = home_of(way[2]);
  const bool is_main = module_name(way[0]) == "__main__";
  if (module_name(way[0]) == home) return way;
  for (const NodeId holder : labels_.referrers().of(way[2])) {
    if (holder == way[1] || !labels_.is_namespace(holder)) continue;
    const NodeId module = module_of_dict(holder);
    if (module == kNoNode || module == way[0]) continue;
    const bool at_home = module_name(module) == home;
    // What the main program has imported is not its own.
    if (!at_home && !is_main) continue;
    way[0] = module;
    way[1] = holder;
    if (at_home) break;
  }
  return way;
}

std::string LeakSearch::path_of(const std::vector<NodeId>& way) const {
  return way.empty() ? std::string() : PathFormatter(labels_, values_).tell(way).text;
}

std::string LeakSearch::owner_of(const std::vector<NodeId>& way) const {
  if (way.empty()) return {};
  const PathText told = PathFormatter(labels_, values_).tell(way);
  std::string text = told.start;
  if (type_of(way[0]).body == TraverseRule::kModule && values_.is_in_sys_modules(address(way[0])))
    text = module_name(way[0]);
  else if (type_of(way[0]).flags & kTpTypeSubclass && told.steps[0].label.empty())
    text = labels_.types().get(address(way[0]))->name;
  else if (!told.steps[0].label.empty())
    text += ", " + told.steps[0].label;
  bool closure = false;
  for (std::size_t i = 1; i < told.steps.size(); ++i) {
    const std::string& label = told.steps[i].label;
    if (label == "__closure__") {
      closure = true;
    } else if (closure && label.starts_with("[")) {
      // "[0 seen]": the cell of the variable `seen`.
      const std::size_t blank = label.find(' ');
      text +=
          ".<closure>." + (blank == std::string::npos
                               ? label
                               : label.substr(blank + 1, label.size() - blank - 2 + (label.back() != ']')));
      closure = false;
    } else if (label.starts_with("[")) {
      text += label;
    } else if (label == "cell_contents" || (label == "__dict__" && labels_.is_namespace(told.steps[i].node) &&
                                            i + 1 < told.steps.size())) {
      continue;
    } else if (!label.empty()) {
      text += "." + label;
    } else {
      text += " -> " + type_name(told.steps[i].node);
    }
  }
  return text;
}

bool LeakSearch::is_large_collection(NodeId n) const {
  if (graph().referents(n).size() <= kFewMembers || !is_anonymous_collection(labels_, n)) return false;
  // That of all modules stands before what they have, and is nobody's collection.
  for (const PyInterpreter& interpreter : clues_.interpreters)
    if (objects().pointer(interpreter.state, objects().layout().PyInterpreterState.modules) == address(n))
      return false;
  const auto length = values_.length(address(n));
  return !length || *length > kFewMembers;
}

bool LeakSearch::is_one_of_many(const std::vector<NodeId>& way) const {
  for (std::size_t i = 0; i + 1 < way.size(); ++i)
    if (is_large_collection(way[i])) return true;
  return false;
}

std::vector<LeakSearch::Group> LeakSearch::group_by_owner(const std::vector<NodeId>& nodes) const {
  // Of each object on the ways: the first large collection before it.
  std::vector<NodeId> climb;
  for (const NodeId start : nodes) {
    climb.clear();
    NodeId n = start;
    for (; n != kNoNode && !known_[index(n)] && ways_.reaches(n); n = ways_.before(n)) climb.push_back(n);
    for (std::size_t i = climb.size(); i-- > 0;) {
      const NodeId each = climb[i], holder = ways_.before(each);
      known_[index(each)] = 1;
      if (holder == kNoNode) continue;
      const NodeId above = owner_[index(holder)];
      owner_[index(each)] = above != kNoNode ? above : is_large_collection(holder) ? holder : kNoNode;
    }
  }
  std::unordered_map<std::uint32_t, std::size_t> place;
  std::vector<Group> groups;
  for (const NodeId n : nodes) {
    const bool reached = is_reached(n);
    const NodeId owner = !reached ? kNoNode : owner_[index(n)] != kNoNode ? owner_[index(n)] : n;
    const auto [at, is_new] = place.try_emplace(index(owner), groups.size());
    if (is_new) groups.push_back({owner, {}});
    groups[at->second].members.push_back(n);
  }
  std::stable_sort(groups.begin(), groups.end(),
                   [](const Group& a, const Group& b) { return a.members.size() > b.members.size(); });
  return groups;
}

Origin LeakSearch::origin_of_file(const std::string& file) const {
  if (file.find("/site-packages/") != std::string::npos || file.find("/dist-packages/") != std::string::npos)
    return Origin::kInstalled;
  if (file.empty() || (!library_.empty() && file.starts_with(library_))) return Origin::kStandard;
  return Origin::kApplication;
}

Origin LeakSearch::origin_of(const std::vector<NodeId>& way) const {
  if (way.empty()) return Origin::kApplication;
  NodeId module = way[0];
  if (type_of(module).body != TraverseRule::kModule) {
    if (type_of(module).flags & kTpTypeSubclass) return origin_of_class(address(module));
    for (const GraphRoot& root : graph().roots)
      if (root.node == module && root.kind == RootKind::kFrame) return Origin::kApplication;
    return Origin::kStandard;
  }
  const std::string name = module_name(module);
  if (name == "__main__") return Origin::kApplication;
  const Address file = values_.attribute(address(module), "__file__");
  return origin_of_file(is_null(file) ? std::string() : objects().str(file).value_or(std::string()));
}

Origin LeakSearch::origin_of_class(Address type) const {
  const TypeInfo* info = labels_.types().get(type);
  if (!info || !(info->flags & kTpHeapType)) return Origin::kStandard;
  const auto module = modules_.find(type_module(labels_.types(), type));
  return module == modules_.end() ? Origin::kApplication : origin_of({module->second});
}

std::string LeakSearch::type_name(NodeId n) const {
  const std::string& name = type_of(n).name;
  return name.starts_with("builtins.") ? name.substr(9) : name;
}

bool LeakSearch::is_derived(const TypeInfo& type, std::string_view base) const {
  constexpr int kDeepest = 100;
  const TypeInfo* each = &type;
  for (int i = 0; each && i < kDeepest; ++i, each = labels_.types().get(each->base)) {
    if (each->name == base) return true;
    if (is_null(each->base)) break;
  }
  return false;
}

std::string LeakSearch::repr(Address object, std::size_t limit) const {
  const TypeInfo* type = is_null(object) ? nullptr : labels_.types().get(objects().type_of(object));
  return type ? short_repr(labels_.types(), object, *type, limit) : std::string();
}

NodeId LeakSearch::module(const std::string& name) const {
  const auto at = modules_.find(name);
  return at == modules_.end() ? kNoNode : at->second;
}

std::string format_count(std::uint64_t n) {
  std::string text = std::to_string(n);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::string format_count(std::uint64_t n, std::string_view one, std::string_view several) {
  return format_count(n) + " " + std::string(n == 1 ? one : several);
}

}  // namespace heapglass
