#include "lib/leaks/leak_search.h"

#include <algorithm>

#include "lib/heap/holders.h"
#include "lib/heap/path_text.h"
#include "lib/leaks/installed_folders.h"
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
      root_paths_(clues_.root_paths),
      dominators_(clues_.dominators),
      garbage_(graph().nodes()),
      stamp_(graph().nodes()),
      known_(graph().nodes()),
      owner_(graph().nodes(), kNoNode) {
  for (const NodeId n : clues_.garbage.freed) garbage_[index(n)] = true;
  for (std::uint32_t n = 0; n < graph().nodes(); ++n) heap_bytes_ += graph().all_bytes(n);
  group_by_type();
  for (const NodeId n : nodes_of([](const TypeInfo& t) { return t.body == TraverseRule::kModule; })) {
    if (values_.is_in_sys_modules(address(n))) modules_.emplace(module_name(n), n);
  }
  name_modules_by_keys();
  const Address os = modules_.count("os") ? address(modules_.at("os")) : Address{};
  if (!is_null(os))
    library_ = folder_of(objects().str(values_.attribute(os, "__file__")).value_or(std::string()));
  installed_ = installed_folders(*this);
}

// What calls itself otherwise than its classes do: importlib renames _frozen_importlib_external.
void LeakSearch::name_modules_by_keys() {
  for (const PyInterpreter& each : clues_.interpreters)
    objects().each_item(objects().pointer(each.state, objects().layout().PyInterpreterState.modules),
                        [&](Address key, Address value) {
                          const NodeId n = node(value);
                          if (n == kNoNode || type_of(n).body != TraverseRule::kModule) return;
                          if (const auto name = objects().str(key)) modules_.emplace(*name, n);
                        });
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

// Of what a local variable, a thread or the interpreter leads to, the path by which code would reach it: from
// a module. One that is much longer goes through what happens to refer to it.
std::vector<NodeId> LeakSearch::named_path_to(NodeId n, const std::vector<NodeId>& path) const {
  constexpr std::size_t kDetour = 4;
  if (path.empty() || type_of(path[0]).body == TraverseRule::kModule ||
      type_of(path[0]).flags & kTpTypeSubclass)
    return path;
  if (!from_modules_) {
    std::vector<NodeId> modules;
    modules.reserve(modules_.size());
    for (const auto& [name, module] : modules_) modules.push_back(module);
    std::sort(modules.begin(), modules.end());
    modules.erase(std::unique(modules.begin(), modules.end()), modules.end());
    from_modules_.emplace(graph(), labels_.referrers(), RootPathOptions{.starts = {std::move(modules)}});
  }
  std::vector<NodeId> named = from_modules_->shortest(n);
  if (named.empty() || named.size() > path.size() + kDetour) return path;
  // What a thread does is told rather by its frame than by the libraries that started it.
  const bool of_frame = std::any_of(graph().roots.begin(), graph().roots.end(), [&](const GraphRoot& root) {
    return root.node == path[0] && root.kind == RootKind::kFrame;
  });
  return of_frame && origin_of(named) == Origin::kStandard ? path : named;
}

std::vector<NodeId> LeakSearch::path_to(NodeId n) const {
  std::vector<NodeId> path = named_path_to(n, root_paths_.shortest(n));
  // Module, its dict, the object: another module may have been as near.
  if (path.size() < 3 || type_of(path[0]).body != TraverseRule::kModule || module_of_dict(path[1]) != path[0])
    return path;
  const std::string home = home_of(path[2]);
  const bool is_main = module_name(path[0]) == "__main__";
  if (module_name(path[0]) == home) return path;
  for (const NodeId holder : labels_.referrers().of(path[2])) {
    if (holder == path[1] || !labels_.is_namespace(holder)) continue;
    const NodeId module = module_of_dict(holder);
    if (module == kNoNode || module == path[0]) continue;
    const bool at_home = module_name(module) == home;
    // What the main program has imported is not its own.
    if (!at_home && !is_main) continue;
    path[0] = module;
    path[1] = holder;
    if (at_home) break;
  }
  return path;
}

std::string LeakSearch::path_of(const std::vector<NodeId>& path) const {
  return path.empty() ? std::string() : PathFormatter(labels_, values_).tell_ends(path).text;
}

std::string LeakSearch::owner_of(const std::vector<NodeId>& path) const {
  if (path.empty()) return {};
  const PathText told = PathFormatter(labels_, values_).tell_ends(path);
  std::string text = told.start;
  if (type_of(path[0]).body == TraverseRule::kModule && values_.is_in_sys_modules(address(path[0])))
    text = labels_.types().module_label(address(path[0])) + module_name(path[0]);
  else if (type_of(path[0]).flags & kTpTypeSubclass && told.steps[0].label.empty())
    text = labels_.types().get(address(path[0]))->name;
  else if (!told.steps[0].label.empty())
    text += ", " + told.steps[0].label;
  bool closure = false;
  std::vector<std::size_t> ends;  // of the text, behind each step
  std::size_t begin = 1;
  bool of_exec = false;
  // What exec() was given is called as its code calls itself.
  for (std::size_t i = path.size(); i-- > 0;) {
    if (type_of(path[0]).body == TraverseRule::kModule || type_of(path[0]).flags & kTpTypeSubclass) break;
    if (!is_globals(path[i]) || module_of_dict(path[i]) != kNoNode) continue;
    const auto name = objects().str(objects().item(address(path[i]), "__name__"), 100);
    text = name && !name->empty() ? *name : "globals of exec()";
    begin = i + 1;
    of_exec = true;
    break;
  }
  for (std::size_t i = begin; i < told.steps.size(); ++i) {
    const std::string& label = told.steps[i].label;
    ends.push_back(text.size());
    if (told.steps[i].inner) continue;
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
    } else if (label.starts_with("['") && label.ends_with("']") && of_exec && i == begin) {
      text += "." + label.substr(2, label.size() - 4);
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
  // A chain of a million links: its ends tell it.
  constexpr std::size_t kMostSteps = 24, kFirst = 12, kLast = 4;
  if (ends.size() > kMostSteps)
    text = text.substr(0, ends[kFirst]) + "(... " + format_count(ends.size() - kFirst - kLast) +
           " more ...)" + text.substr(ends[ends.size() - kLast]);
  return text;
}

bool LeakSearch::is_large_collection(NodeId n) const {
  if (graph().referents(n).size() <= kFewMembers || !is_anonymous_collection(labels_, n)) return false;
  // That of all modules stands before what they have, and is nobody's collection.
  if (is_modules_dict(n)) return false;
  const auto length = values_.length(address(n));
  return (!length || *length > kFewMembers) && !is_globals(n);
}

bool LeakSearch::is_modules_dict(NodeId n) const {
  const auto& interpreters = clues_.interpreters;
  return std::any_of(interpreters.begin(), interpreters.end(), [&](const PyInterpreter& each) {
    return objects().pointer(each.state, objects().layout().PyInterpreterState.modules) == address(n);
  });
}

// Of a module, or what exec() was given: code that runs in it has put __builtins__ there.
bool LeakSearch::is_globals(NodeId dict) const {
  if (!(type_of(dict).flags & kTpDictSubclass)) return false;
  const auto [at, is_new] = globals_.try_emplace(index(dict), false);
  if (is_new) at->second = !is_null(objects().item(address(dict), "__builtins__"));
  return at->second;
}

// Of the names that a C module had when it was imported, from which each further import is made.
bool LeakSearch::is_copy_of_names(NodeId dict) const {
  constexpr std::size_t kMostReferrers = 4;
  const auto by = labels_.referrers().of(dict);
  return by.size() <= kMostReferrers && std::any_of(by.begin(), by.end(), [&](NodeId each) {
           return type_of(each).name == "builtins.moduledef";
         });
}

bool LeakSearch::is_structure(NodeId n) const {
  const TypeInfo& type = type_of(n);
  if (type.body == TraverseRule::kModule || type.flags & kTpTypeSubclass || type.body == TraverseRule::kFrame)
    return true;
  if (type.flags & kTpDictSubclass) {
    if (is_modules_dict(n) || is_globals(n) || is_copy_of_names(n)) return true;
    if (!labels_.is_namespace(n)) return false;
    for (const NodeId holder : labels_.referrers().of(n)) {
      const TypeInfo& of = type_of(holder);
      if (of.body == TraverseRule::kModule || of.flags & kTpTypeSubclass) return true;
    }
    return false;
  }
  return type.name == "builtins.function" || type.name == "builtins.code" ||
         is_derived(type, "threading.Thread");
}

bool LeakSearch::is_unsure(const std::vector<NodeId>& path) const {
  if (path.empty() || type_of(path[0]).body == TraverseRule::kModule ||
      type_of(path[0]).flags & kTpTypeSubclass)
    return false;
  for (const GraphRoot& root : graph().roots)
    if (root.node == path[0] && !root.guess) return false;
  return true;
}

const LeakSearch::MembersSum& LeakSearch::sum_of_members(NodeId collection) const {
  const auto [at, is_new] = sums_.try_emplace(index(collection));
  if (!is_new) return at->second;
  std::vector<NodeId> members(graph().referents(collection).begin(), graph().referents(collection).end());
  std::sort(members.begin(), members.end());
  members.erase(std::unique(members.begin(), members.end()), members.end());
  for (const NodeId n : members)
    if (!(type_of(n).flags & kTpTypeSubclass)) at->second.bytes += dominators_.retained_bytes(n);
  at->second.members =
      std::max<std::uint64_t>(values_.length(address(collection)).value_or(members.size()), 1);
  return at->second;
}

bool LeakSearch::stands_out(const std::vector<NodeId>& path, std::uint64_t bytes) const {
  constexpr std::uint64_t kFarMore = 8, kFiftieth = 50, kLittle = 200;
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    if (!is_large_collection(path[i])) continue;
    const MembersSum& all = sum_of_members(path[i]);
    const std::uint64_t inside = dominators_.retained_bytes(path[i + 1]), own = std::max(inside, bytes),
                        others = all.bytes - std::min(all.bytes, inside);
    const bool has_most = own >= others;
    if (own < heap_bytes_ / (has_most ? kLittle : kFiftieth)) return false;
    if (!has_most && own / kFarMore < others / std::max<std::uint64_t>(all.members - 1, 1)) return false;
  }
  return true;
}

NodeId LeakSearch::collection_on(const std::vector<NodeId>& path) const {
  for (std::size_t i = path.size(); i-- > 1;)
    if (is_large_collection(path[i - 1])) return path[i - 1];
  return kNoNode;
}

bool LeakSearch::is_one_of_many(const std::vector<NodeId>& path) const {
  for (std::size_t i = 0; i + 1 < path.size(); ++i)
    if (is_large_collection(path[i])) return true;
  return false;
}

std::vector<LeakSearch::Group> LeakSearch::group_by_owner(const std::vector<NodeId>& nodes) const {
  // Of each object on the ways: the first large collection before it.
  std::vector<NodeId> climb;
  for (const NodeId start : nodes) {
    climb.clear();
    NodeId n = start;
    for (; n != kNoNode && !known_[index(n)] && root_paths_.reaches(n); n = root_paths_.before(n))
      climb.push_back(n);
    for (std::size_t i = climb.size(); i-- > 0;) {
      const NodeId each = climb[i], holder = root_paths_.before(each);
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
  for (const std::string& folder : installed_)
    if (file.starts_with(folder)) return Origin::kInstalled;
  if (file.empty() || (!library_.empty() && file.starts_with(library_))) return Origin::kStandard;
  return Origin::kApplication;
}

Origin LeakSearch::origin_of(const std::vector<NodeId>& path) const {
  if (path.empty()) return Origin::kApplication;
  NodeId module = path[0];
  if (type_of(module).body != TraverseRule::kModule) {
    if (type_of(module).flags & kTpTypeSubclass) return origin_of_class(address(module));
    for (const GraphRoot& root : graph().roots)
      if (root.node == module && root.kind == RootKind::kFrame) return Origin::kApplication;
    return Origin::kStandard;
  }
  // What a module of the interpreter's own gave to exec() is the program: `python -m cProfile app.py`, and
  // the names of code.interact().
  for (std::size_t i = path.size(); i-- > 2;)
    if (is_globals(path[i]) && module_of_dict(path[i]) == kNoNode)
      if (objects().str(objects().item(address(path[i]), "__name__"), 100) == "__main__")
        return Origin::kApplication;
  const Address file = values_.attribute(address(module), "__file__");
  const std::string name = is_null(file) ? std::string() : objects().str(file).value_or(std::string());
  const Origin origin = origin_of_file(name);
  if (module_name(module) != "__main__") return origin;
  // The program is whatever runs, but for a module of the interpreter's own: `python -m http.server`. Of a
  // snapshot without values the functions tell, whose code has the name of its file.
  if (!is_null(file) && name.empty())
    return origin_of_code_in(objects().pointer(address(module), objects().layout().PyModuleObject.md_dict))
        .value_or(Origin::kApplication);
  return is_null(file) || origin == Origin::kInstalled ? Origin::kApplication : origin;
}

// Of a function of `dict` that says where its code was written.
std::optional<Origin> LeakSearch::origin_of_code_in(Address dict) const {
  std::optional<Origin> origin;
  objects().each_item(dict, [&](Address, Address each) {
    const NodeId n = node(each);
    if (n == kNoNode || type_of(n).name != "builtins.function") return true;
    origin = origin_of_file(file_of_code(n));
    return false;
  });
  return origin;
}

std::string LeakSearch::file_of_code(NodeId function) const {
  const Address code = objects().pointer(address(function), objects().layout().PyFunctionObject.func_code);
  if (node(code) == kNoNode) return {};
  const Address file = objects().pointer(code, objects().layout().PyCodeObject.co_filename);
  return is_null(file) ? std::string() : objects().str(file).value_or(std::string());
}

Origin LeakSearch::origin_of_class(Address type) const {
  const TypeInfo* info = labels_.types().get(type);
  if (!info || !(info->flags & kTpHeapType)) return Origin::kStandard;
  const std::string name = type_module(labels_.types(), type);
  const auto module = modules_.find(name);
  // One whose __module__ is no text is of a library that makes classes in its own way (zope.interface).
  if (name.empty()) return Origin::kInstalled;
  if (module == modules_.end()) return Origin::kApplication;
  const Origin origin = origin_of({module->second});
  // cProfile and pdb run a program that calls itself __main__ too.
  if (name == "__main__" && origin == Origin::kStandard)
    return origin_of_code_in(objects().pointer(type, objects().layout().PyTypeObject.tp_dict))
        .value_or(Origin::kApplication);
  return origin;
}

Origin LeakSearch::origin_of_function(NodeId function) const {
  const std::string name = home_of(function);
  const auto module = modules_.find(name);
  if (module == modules_.end()) return Origin::kStandard;
  const std::string file = name == "__main__" ? file_of_code(function) : std::string();
  return file.empty() ? origin_of({module->second}) : origin_of_file(file);
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

std::string LeakSearch::interpreter_of(NodeId n) const {
  if (clues_.interpreters.size() < 2) return {};
  NodeId start = n;
  while (root_paths_.reaches(start) && root_paths_.before(start) != kNoNode)
    start = root_paths_.before(start);
  const auto [at, is_new] = start_labels_.try_emplace(index(start));
  if (!is_new) return at->second;
  // "[interpreter 2] ", "interpreter 2", "thread 4711: app.py:42 in handle [interpreter 2]"
  std::string holder = labels_.types().module_label(address(start));
  if (holder.empty())
    for (const GraphRoot& root : graph().roots)
      if (root.node == start) holder = root.holder;
  constexpr std::string_view kWord = "interpreter ";
  if (const std::size_t word = holder.rfind(kWord); word != std::string::npos)
    for (std::size_t i = word + kWord.size(); i < holder.size() && holder[i] >= '0' && holder[i] <= '9'; ++i)
      at->second += holder[i];
  if (at->second == "0") at->second.clear();
  return at->second;
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
