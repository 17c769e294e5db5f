#include "lib/threads/python_threads.h"

#include <algorithm>
#include <unordered_map>

namespace heapglass {

Address module_attribute(const ObjectView& values, const Objects& o, const PyInterpreter& interpreter,
                         std::string_view module, std::string_view name) {
  const Address found = o.item(o.pointer(interpreter.state, o.layout().PyInterpreterState.modules), module);
  return is_null(found) ? Address{} : values.attribute(found, name);
}

std::vector<ThreadView> view_threads(const ObjectView& values, const Objects& o,
                                     const std::vector<PyInterpreter>& interpreters,
                                     const std::vector<ThreadRegisters>& registers) {
  // pthread_t is the address of the thread's control block, which its thread pointer holds. The id of the
  // system is that of its own namespace in `registers` and of the target's in PyThreadState.
  std::unordered_map<std::uint64_t, const ThreadRegisters*> by_pthread, by_tid;
  for (const ThreadRegisters& r : registers) {
    if (!is_null(r.thread_pointer)) by_pthread.emplace(value(r.thread_pointer), &r);
    by_tid.emplace(static_cast<std::uint64_t>(r.own_tid ? r.own_tid : r.tid), &r);
  }
  std::vector<ThreadView> out;
  for (const PyInterpreter& interpreter : interpreters) {
    std::unordered_map<std::uint64_t, Address> threads;
    o.each_item(
        module_attribute(values, o, interpreter, "threading", "_active"), [&](Address key, Address thread) {
          if (const ExpressionValue ident = values.value(key); std::holds_alternative<std::int64_t>(ident))
            threads.emplace(static_cast<std::uint64_t>(std::get<std::int64_t>(ident)), thread);
        });
    const std::size_t first = out.size();
    for (const PyThread& thread : interpreter.threads) {
      ThreadView view{.python = &thread, .interpreter = &interpreter};
      if (const auto at = by_pthread.find(thread.thread_id); at != by_pthread.end())
        view.registers = at->second;
      else if (const auto same = by_tid.find(thread.native_id);
               same != by_tid.end() && is_null(same->second->thread_pointer))
        view.registers = same->second;
      if (const auto at = threads.find(thread.thread_id); at != threads.end()) {
        view.object = at->second;
        for (const char* attribute : {"_name", "_Thread__name"})
          if (view.name.empty())
            view.name = o.str(values.attribute(view.object, attribute)).value_or(std::string());
      }
      out.push_back(std::move(view));
    }
    std::reverse(out.begin() + static_cast<std::ptrdiff_t>(first), out.end());
  }
  return out;
}

}  // namespace heapglass
