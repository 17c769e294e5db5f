// Tasks that never come to an end, coroutines that nobody awaits, generators that nobody finishes.
#include <algorithm>
#include <map>

#include "lib/leaks/detectors.h"
#include "lib/python/generators.h"
#include "lib/python/python_repr.h"

namespace heapglass {
namespace {

// Also of classes derived from it, as event loops have their own.
bool is_task(const LeakSearch& search, NodeId n) {
  return search.values().is_instance(search.address(n), "_asyncio.Task") ||
         search.values().is_instance(search.address(n), "asyncio.tasks.Task");
}

Address coroutine_of(const LeakSearch& search, NodeId task) {
  const Address a = search.address(task);
  const Address coroutine = named_field(search.objects(), a, search.type_of(task), "task_coro");
  return is_null(coroutine) ? search.values().attribute(a, "_coro") : coroutine;
}

bool is_pending(const LeakSearch& search, NodeId task) {
  const Objects& o = search.objects();
  const Address a = search.address(task);
  if (!is_null(named_field(o, a, search.type_of(task), "task_coro")))
    return o.load<std::int32_t>(a, o.layout().TaskObj.task_state).value_or(1) == 0;
  const Address state = search.values().attribute(a, "_state");
  return !is_null(state) && o.str(state) == "PENDING";
}

void add_suspect(const LeakSearch& search, Suspect s, const std::vector<NodeId>& members,
                 const std::string& what, Suspects& found) {
  const auto groups = search.group_by_owner(members);
  s.bytes = search.retained_by_set(members).bytes;
  s.objects = members.size();
  s.node = groups[0].owner != kNoNode ? groups[0].owner : members[0];
  if (groups[0].owner == kNoNode) {
    s.owner = what + ", garbage";
    s.path = "nothing from outside leads there: garbage";
  } else if (groups[0].members.size() * 2 < members.size()) {
    // They hang from many places: the function that they run is what they have in common.
    s.owner = what;
  }
  s.examples.assign(groups[0].members.begin(),
                    groups[0].members.begin() +
                        static_cast<std::ptrdiff_t>(std::min<std::size_t>(groups[0].members.size(), 3)));
  found.push_back(std::move(s));
}

using ByCode = std::map<std::string, std::vector<NodeId>>;

void find_tasks(const LeakSearch& search, std::vector<bool>& of_a_task, Suspects& found) {
  ByCode pending;
  for (const NodeId n : search.nodes_of([](const TypeInfo& t) { return t.name.ends_with("Task"); })) {
    if (!is_task(search, n)) continue;
    const Address coroutine = coroutine_of(search, n);
    if (is_null(coroutine)) continue;
    if (const NodeId c = search.node(coroutine); c != kNoNode) of_a_task[index(c)] = true;
    if (is_pending(search, n)) pending[search.repr(coroutine, 100)].push_back(n);
  }
  for (const auto& [name, tasks] : pending) {
    if (tasks.size() < kManyAlike) continue;
    Suspect s{.pattern = "pending-task", .certainty = tasks.size() >= 100 ? 0.85 : 0.5};
    s.evidence = format_count(tasks.size()) + " asyncio tasks of coroutine " + name + " are not finished";
    std::map<std::string, std::size_t> waits;
    for (const NodeId t : tasks)
      if (const NodeId w = search.node(
              named_field(search.objects(), search.address(t), search.type_of(t), "task_fut_waiter"));
          w != kNoNode)
        ++waits[search.type_name(w)];
    for (const auto& [type, count] : waits) s.evidence += "; " + format_count(count) + " wait for a " + type;
    s.cure =
        "Await or cancel what was started (asyncio.TaskGroup, asyncio.timeout, task.cancel()), and bound how "
        "many there may be with a Semaphore or a Queue with maxsize.";
    add_suspect(search, std::move(s), tasks, "tasks of " + name, found);
  }
}

// Another one of these, or a frame, is in the middle of it.
bool is_in_use(const LeakSearch& search, NodeId n) {
  for (const NodeId holder : search.labels().referrers().of(n)) {
    const TypeInfo& type = search.type_of(holder);
    if (is_generator_type(type.name) || type.body == TraverseRule::kFrame ||
        type.name == "builtins.coroutine_wrapper")
      return true;
  }
  return false;
}

}  // namespace

void find_coroutines(const LeakSearch& search, Suspects& found) {
  std::vector<bool> of_a_task(search.graph().nodes());
  find_tasks(search, of_a_task, found);
  std::vector<bool> rooted(search.graph().nodes());
  for (const GraphRoot& root : search.graph().roots) rooted[index(root.node)] = true;
  ByCode never_awaited, unfinished;
  for (const NodeId n : search.nodes_of([](const TypeInfo& t) { return is_generator_type(t.name); })) {
    if (of_a_task[index(n)] || rooted[index(n)]) continue;
    const GeneratorState state = read_generator_state(search.objects(), search.address(n));
    const bool coroutine = search.type_of(n).name == "builtins.coroutine";
    if (coroutine && state == GeneratorState::kCreated && !is_in_use(search, n))
      never_awaited[search.repr(search.address(n), 100)].push_back(n);
    else if (!coroutine && state != GeneratorState::kFinished && !is_in_use(search, n))
      unfinished[search.type_name(n) + " " + search.repr(search.address(n), 100)].push_back(n);
  }
  for (const auto& [name, coroutines] : never_awaited) {
    if (coroutines.size() < kManyAlike) continue;
    Suspect s{.pattern = "never-awaited-coroutine", .certainty = 0.95};
    s.evidence = format_count(coroutines.size()) + " coroutines of " + name +
                 " were made and never awaited: their code has not begun, their arguments are kept";
    s.cure =
        "Put `await` before the call, or hand it to asyncio.create_task(); where it is not to run after all, "
        "close() it.";
    add_suspect(search, std::move(s), coroutines, "coroutines of " + name, found);
  }
  for (const auto& [name, generators] : unfinished) {
    if (generators.size() < kManyAlike) continue;
    Suspect s{.pattern = "unfinished-generator", .certainty = 0.85};
    s.evidence = format_count(generators.size()) + " objects " + name +
                 " stand in the middle: each keeps its frame and local variables";
    s.cure =
        "Run them to their end, close() them (contextlib.closing), or make a list of what is wanted and drop "
        "the generator.";
    add_suspect(search, std::move(s), generators, name, found);
  }
}

}  // namespace heapglass
