#include "lib/heap/path_text.h"

#include <algorithm>

#include "lib/heap/holders.h"
#include "lib/heap/wrapped_containers.h"
#include "lib/python/describe.h"

namespace heapglass {

// The dict behind a module, a class or an instance is how they have their names, and a cell how a function
// has a variable: nobody needs to be told.
bool PathFormatter::is_passed_over(const std::vector<NodeId>& path, std::size_t i) {
  if (i == 0 || i + 1 == path.size()) return false;
  if (labels_.type_of(path[i]).name == "builtins.cell") return true;
  if (!labels_.is_namespace(path[i])) return false;
  const auto before = labels_.between(path[i - 1], path[i]);
  return std::any_of(before.begin(), before.end(),
                     [](const Labels::Label& l) { return l.text == "__dict__"; });
}

void PathFormatter::tell_start(NodeId first, PathText& out) {
  PathStep step{.node = first};
  const TypeInfo& type = labels_.type_of(first);
  const GraphRoot* best = nullptr;
  // What is sure before a word of a stack, then what a frame calls it.
  const auto rank = [](const GraphRoot& root) {
    return (root.guess ? 0 : 2) + (root.kind == RootKind::kFrame);
  };
  for (const GraphRoot& root : labels_.graph().roots)
    if (root.node == first &&
        (!best || rank(root) > rank(*best) || (root.kind == RootKind::kFrame && rank(root) == rank(*best))))
      best = &root;
  const bool is_module = values_.is_in_sys_modules(labels_.address(first));
  const bool has_holder = best && best->kind != RootKind::kStaticType;
  if (is_module || (!has_holder && type.flags & kTpTypeSubclass)) {
    out.start = describe_container(labels_, values_, first);
  } else if (has_holder) {
    out.start = best->holder;
    step.label = edge_label(labels_.types(), best->edge, true);
    if (best->guess) out.start += " (perhaps: a word of its stack)";
    if (type.body != TraverseRule::kFrame) step.what = describe_container(labels_, values_, first);
  } else {
    const bool interned = !best && is_interned_table(labels_.types().objects(), labels_.address(first));
    out.start = best ? best->holder : interned ? "interned strings" : "C code";
    step.what = describe_container(labels_, values_, first);
  }
  out.steps.push_back(std::move(step));
}

PathText PathFormatter::tell(const std::vector<NodeId>& path, std::uint64_t alike, std::size_t merged_at) {
  return tell(path, alike, merged_at, Steps::kAll);
}

PathText PathFormatter::tell_ends(const std::vector<NodeId>& path) {
  return tell(path, 1, ~std::size_t{0}, Steps::kEnds);
}

PathText PathFormatter::tell(const std::vector<NodeId>& path, std::uint64_t alike, std::size_t merged_at,
                             Steps described) {
  // RootPaths through a list of a million links: the ends tell it.
  constexpr std::size_t kMostSaid = 40;
  PathText out;
  if (path.empty()) return out;
  tell_start(path.front(), out);
  const std::size_t last = path.size() - 1;
  for (std::size_t i = 1; i <= last; ++i) {
    PathStep step{.node = path[i]};
    if (described == Steps::kEnds && i > kMostSaid && i + kMostSaid < last) {
      out.steps.push_back(std::move(step));
      continue;
    }
    const auto labels = labels_.between(path[i - 1], path[i]);
    const auto strong = std::find_if(labels.begin(), labels.end(),
                                     [](const Labels::Label& l) { return l.cls != EdgeClass::kWeak; });
    if (strong != labels.end()) {
      step.label = strong->text;
      step.guess = strong->cls == EdgeClass::kGuess;
    }
    if (const NodeId wrapper = wrapper_of(labels_, path[i]).node; wrapper != kNoNode)
      step.inner =
          path[i - 1] == wrapper || (i > 1 && path[i - 2] == wrapper && labels_.is_namespace(path[i - 1]));
    if (!is_passed_over(path, i)) step.what = describe_container(labels_, values_, path[i]);
    out.steps.push_back(std::move(step));
  }
  // What is asked for is always called by its type.
  PathStep& end = out.steps.back();
  const TypeInfo& type = labels_.type_of(end.node);
  end.what = type.name.starts_with("builtins.") ? type.name.substr(9) : type.name;
  const std::string repr = short_repr(labels_.types(), labels_.address(end.node), type, 60);
  if (!repr.empty() && alike == 1) end.what += " " + repr;

  out.text = out.start;
  for (std::size_t i = 0; i <= last; ++i) {
    const PathStep& step = out.steps[i];
    if (last > 2 * kMostSaid && i == kMostSaid) {
      out.text += " -> ... " + std::to_string(last + 1 - 2 * kMostSaid) + " more steps ...";
      i = last - kMostSaid;
      continue;
    }
    if (step.inner && i != last && i != merged_at) continue;
    const bool start_is_it = i == 0 && out.start == step.what;
    const bool passed = is_passed_over(path, i);
    if (!step.label.empty() && !(passed && step.label == "__dict__") && step.label != "cell_contents") {
      out.text += " -> " + step.label;
      if (step.guess) out.text += " (a guess)";
      if (i == merged_at && alike > 1)
        out.text += " and others, " + std::to_string(alike) + " objects in all";
    } else if (i == merged_at && alike > 1) {
      out.text += " -> " + std::to_string(alike) + " objects like";
    }
    if (!step.what.empty() && !start_is_it) out.text += " -> " + step.what;
  }
  return out;
}

}  // namespace heapglass
