// What is not exact in a heap, and what was skipped: data, with a sentence for people.
#include <algorithm>

#include "lib/heap/heap.h"

namespace heapglass {
namespace {

// Some names for people and the same for programs: "a, b and 3 more".
struct Named {
  std::vector<std::string> examples;
  std::size_t count = 0;
  std::string text;
  void add(const std::string& name, const std::string& figure = {}) {
    constexpr std::size_t kMost = 8;
    if (++count > kMost) return;
    examples.push_back(name);
    text += (text.empty() ? "" : ", ") + name + figure;
  }
  std::string all() const {
    return text +
           (count > examples.size() ? " and " + std::to_string(count - examples.size()) + " more" : "");
  }
};

std::string in_brackets(std::uint64_t n) { return " (" + std::to_string(n) + ")"; }

}  // namespace

std::vector<Caveat> Heap::caveats() const {
  std::vector<Caveat> out = capture().caveats;
  // A snapshot has those of the whole graph, of which an answer may have asked for a part.
  std::erase_if(out, [&](const Caveat& c) {
    if (c.kind == "references-by-word") return !graph().has_references();
    return graph().nodes() == 0 && (c.kind == "objects-unreached" || c.kind == "sizes-contradicted");
  });
  for (const TargetState& state : states())
    out.push_back({"state", 0, state.name + ": " + state.text, {state.name}});
  for (const std::string& file : target().shrunk_files())
    out.push_back({"file-shrank",
                   0,
                   file + " shrank while it was read: what the process had of it is zeros here",
                   {file}});
  if (read_while_running()) {
    const std::uint64_t count = torn();
    out.push_back(
        {"torn", count,
         "read while it ran: " +
             (count ? std::to_string(count) + (count == 1 ? " object was" : " objects were") +
                          " torn, and left out or told in part"
                    : std::string("no object was found torn, which does not prove that none was"))});
    if (!report().lists_closed)
      out.push_back(
          {"gc-lists-changed", 0,
           "the collector's lists changed while they were read: what only they lead to is not there"});
  }
  if (!report().unresolved.empty()) {
    std::uint64_t objects = 0;
    std::vector<std::pair<std::uint64_t, std::string>> by_count;
    for (const auto& [name, count] : report().unresolved) {
      objects += count;
      by_count.emplace_back(count, name);
    }
    std::sort(by_count.rbegin(), by_count.rend());
    Named types;
    for (const auto& [count, name] : by_count) types.add(name, in_brackets(count));
    const bool left_out = resolve() == "layout";
    out.push_back({left_out ? "references-left-out" : "references-guessed", objects,
                   "the references of " + std::to_string(objects) + " objects are " +
                       (left_out ? "left out where no layout tells them: " : "guessed from their bytes: ") +
                       types.all(),
                   types.examples});
    if (report().guessed)
      out.push_back({"objects-guessed", report().guessed,
                     std::to_string(report().guessed) + " objects are known by these guesses alone"});
    if (!why_not_run().empty())
      out.push_back({"not-run", 0, "not asked by running their code: " + why_not_run()});
  }
  Named distrusted;
  for (const auto& [name, count] : report().distrusted) distrusted.add(name, in_brackets(count));
  if (distrusted.count > 0)
    out.push_back(
        {"types-distrusted", distrusted.count,
         "running their code failed for more than 1 % of the objects of some types, so that none of their "
         "answers was taken: " +
             distrusted.all(),
         distrusted.examples});
  if (traversed().timeouts || traversed().deaths)
    out.push_back({"code-did-not-end", traversed().timeouts + traversed().deaths,
                   "code of the target that was run in a copy did not come to an end " +
                       std::to_string(traversed().timeouts) + " times and ended the copy " +
                       std::to_string(traversed().deaths) + " times"});
  Named unsure;
  for (const GraphType& t : graph().types)
    if (t.size_unsure) unsure.add(t.name);
  if (unsure.count > 0)
    out.push_back(
        {"sizes-unsure", unsure.count,
         "sizes are those of the bare object for types with a __sizeof__ of their own: " + unsure.all(),
         unsure.examples});
  if (report().collecting)
    out.push_back({"collecting", report().loose,
                   "the process was in the middle of a garbage collection" +
                       (report().loose ? ": " + std::to_string(report().loose) +
                                             " objects stood on its own lists of what may be garbage"
                                       : std::string())});
  for (unsigned i = 0; i < static_cast<unsigned>(Skip::kCount); ++i) {
    const Skip why = static_cast<Skip>(i);
    if (const std::uint64_t count = read_errors().count(why))
      out.push_back({"skipped",
                     count,
                     "skipped: " + std::to_string(count) + " " + std::string(describe(why)) +
                         ", the first at " + to_hex(read_errors().example(why)),
                     {std::string(describe(why)), to_hex(read_errors().example(why))}});
  }
  return out;
}

}  // namespace heapglass
