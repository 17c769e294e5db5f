#include "lib/threads/await_chains.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "lib/python/collector_lists.h"
#include "lib/python/describe.h"
#include "lib/python/python_repr.h"

namespace heapglass {
namespace {

constexpr std::size_t kLongestChain = 100'000;  // coroutines

class TaskFinder {
 public:
  TaskFinder(TypeTable& types, const ObjectView& values, const std::vector<ThreadView>& threads)
      : types_(types), o_(types.objects()), values_(values), threads_(threads), contents_(types) {
    for (const ThreadView& thread : threads)
      for (const PyFrame& frame : thread.python->frames) running_.insert(value(frame.frame));
    const auto state = LayoutSources(o_.python().sources).field("TaskObj", "task_state");
    if (state) state_ = static_cast<std::int32_t>(state->offset);
  }

  void look_at(Address object) {
    const Address type = o_.type_of(object);
    const auto [at, is_new] = is_task_.try_emplace(value(type), false);
    if (is_new)
      at->second =
          values_.is_instance(object, "_asyncio.Task") || values_.is_instance(object, "asyncio.tasks.Task");
    if (!at->second || is_done(object)) return;
    AsyncTask task{.object = object, .name = name_of(object)};
    const ExpressionValue loop_thread =
        values_.value(values_.attribute(either(object, "task_loop", "_loop"), "_thread_id"));
    if (const auto* ident = std::get_if<std::int64_t>(&loop_thread))
      for (std::size_t t = 0; t < threads_.size(); ++t)
        if (threads_[t].python->thread_id == static_cast<std::uint64_t>(*ident)) task.thread = t;
    follow(either(object, "task_coro", "_coro"), task);
    if (const Address waiter = either(object, "task_fut_waiter", "_fut_waiter"); !is_none(waiter))
      task.awaited = waiter;
    tasks.push_back(std::move(task));
  }

  void tell_waits() {
    std::unordered_map<std::uint64_t, std::size_t> by_address;
    for (std::size_t i = 0; i < tasks.size(); ++i) by_address.emplace(value(tasks[i].object), i);
    for (AsyncTask& task : tasks) {
      if (is_none(task.awaited)) continue;
      if (const auto at = by_address.find(value(task.awaited)); at != by_address.end()) {
        task.task = at->second;
        task.waits_for = "task " + tasks[at->second].name;
        if (tasks[at->second].name.empty()) task.waits_for += "at " + to_hex(task.awaited);
        continue;
      }
      const TypeInfo* type = types_.get(o_.type_of(task.awaited));
      task.waits_for = !type ? "?"
                       : type->name == "_asyncio.Future" || type->name == "asyncio.futures.Future"
                           ? "a future"
                           : type->name;
      // asyncio.gather() is a future with children.
      const Address children = values_.attribute(task.awaited, "_children");
      const auto count = is_null(children) ? std::nullopt : values_.length(children);
      if (count) task.waits_for += " of " + std::to_string(*count);
    }
  }

  std::vector<AsyncTask> tasks;

 private:
  // The field of the C struct, or the attribute of a task written in Python.
  Address either(Address object, std::string_view field, std::string_view attribute) const {
    const Address found = values_.attribute(object, field);
    return is_null(found) ? values_.attribute(object, attribute) : found;
  }
  bool is_none(Address a) const {
    if (is_null(a)) return true;
    const TypeInfo* type = types_.get(o_.type_of(a));
    return !type || type->name == "builtins.NoneType";
  }
  bool is_done(Address task) const {
    const Address state = values_.attribute(task, "_state");  // of one written in Python
    if (!is_null(state)) return !o_.str_equals(state, "PENDING");
    return o_.load<std::int32_t>(task, state_).value_or(0) != 0;  // fut_state: STATE_PENDING is 0
  }
  std::string name_of(Address task) const {
    const ExpressionValue name = values_.value(either(task, "task_name", "_name"));
    if (const auto* text = std::get_if<std::string>(&name)) return *text;
    // From 3.12 on a task that got no name keeps its number until it is asked.
    if (const auto* number = std::get_if<std::int64_t>(&name)) return "Task-" + std::to_string(*number);
    return {};
  }

  // What an object that is awaited by `await` or `yield from` leads on to; null: here the chain ends.
  Address awaitable(Address object, const TypeInfo& type) const {
    if (type.body == TraverseRule::kGenerator || type.name == "builtins.coroutine" ||
        type.name == "builtins.generator" || type.name == "builtins.async_generator")
      return object;
    for (const char* field : {"ags_gen", "agt_gen", "cw_coroutine"})
      if (const Address next = named_field(o_, object, type, field); !is_null(next)) return next;
    return {};
  }

  void follow(Address object, AsyncTask& task) const {
    std::unordered_set<std::uint64_t> seen;
    while (!is_null(object) && seen.size() < kLongestChain) {
      const TypeInfo* type = types_.get(o_.type_of(object));
      const Address next = type ? awaitable(object, *type) : Address{};
      if (is_null(next) || !seen.insert(value(next)).second) {
        task.awaited = type ? named_field(o_, object, *type, "future") : Address{};
        if (is_null(task.awaited)) task.awaited = object;
        return;
      }
      const PyFrame frame = read_generator_frame(o_, next);
      if (is_null(frame.frame)) return;
      task.chain.push_back(frame);
      if (running_.count(value(frame.frame))) {
        task.running = true;
        return;
      }
      if (!contents_.awaits(next, frame)) return;
      std::vector<Address> stack = contents_.suspended_stack(frame);
      // From 3.15 on SEND keeps NULL or an index above what it sends to.
      if (!stack.empty() && is_null(stack.back())) stack.pop_back();
      object = stack.empty() ? Address{} : stack.back();
    }
  }

  TypeTable& types_;
  const Objects& o_;
  const ObjectView& values_;
  const std::vector<ThreadView>& threads_;
  const FrameContents contents_;
  std::unordered_set<std::uint64_t> running_;        // frames
  std::unordered_map<std::uint64_t, bool> is_task_;  // by type
  std::int32_t state_ = kAbsent;
};

}  // namespace

std::vector<AsyncTask> find_tasks(TypeTable& types, const ObjectView& values,
                                  const std::vector<PyInterpreter>& interpreters,
                                  const std::vector<ThreadView>& threads, ReadErrors& health) {
  TaskFinder finder(types, values, threads);
  for (const PyInterpreter& interpreter : interpreters) {
    const Objects& o = types.objects();
    if (is_null(o.item(o.pointer(interpreter.state, o.layout().PyInterpreterState.modules), "asyncio")))
      continue;
    each_tracked(
        o, interpreter, [&](Address object) { finder.look_at(object); }, health);
  }
  finder.tell_waits();
  return std::move(finder.tasks);
}

}  // namespace heapglass
