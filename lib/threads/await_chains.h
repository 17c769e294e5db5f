// Tasks of asyncio that have not ended, and what each waits for through how many coroutines.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/python/frame_contents.h"
#include "lib/threads/python_threads.h"

namespace heapglass {

struct AsyncTask {
  Address object{};
  std::string name;                   // Task.get_name(), which 3.7 does not have
  std::optional<std::size_t> thread;  // whose event loop runs it
  bool running = false;               // at this moment, on that thread's stack
  std::vector<PyFrame> chain;         // from the task's own coroutine to the innermost that it awaits
  Address awaited{};                  // what that one awaits, if not a coroutine; the task's fut_waiter
  std::string waits_for;              // "task 'fetch'", "a future"; empty: nothing
  std::optional<std::size_t> task;    // the one that it waits for
};

// Walks the lists of the collector, which know every task.
std::vector<AsyncTask> find_tasks(TypeTable& types, const ObjectView& values,
                                  const std::vector<PyInterpreter>& interpreters,
                                  const std::vector<ThreadView>& threads, ReadErrors& health);

}  // namespace heapglass
