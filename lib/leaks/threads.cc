// Threads of which there are many that stand alike: executors that nobody shut down, a thread for each
// request that waits for ever.
#include <algorithm>
#include <map>

#include "lib/leaks/detectors.h"

namespace heapglass {
namespace {

constexpr std::size_t kManyThreads = 50;  // a pool of 40 is ordinary
constexpr std::size_t kManyExecutors = 8;

// "concurrent/futures/thread.py" of a longer path.
std::string end_of(const std::string& file) {
  std::size_t from = file.size();
  for (int i = 0; i < 3 && from != std::string::npos && from > 0; ++i) from = file.rfind('/', from - 1);
  return from == std::string::npos || from == 0 ? file : file.substr(from + 1);
}

// The innermost frame that is not a wait of the library itself.
const PyFrame* where_it_stands(const PyThread& thread) {
  for (const PyFrame& frame : thread.frames) {
    const std::string_view file = frame.file;
    const bool waits = file.ends_with("/threading.py") || file.ends_with("/queue.py") ||
                       file.ends_with("/selectors.py") || file.ends_with("/socket.py");
    if (!waits && !frame.incomplete) return &frame;
  }
  return thread.frames.empty() ? nullptr : &thread.frames[0];
}

struct Executors {
  std::vector<NodeId> nodes;  // not shut down
  std::string type;
  std::uint64_t threads = 0;
};

Executors living_executors(const LeakSearch& search) {
  Executors out;
  for (const NodeId n : search.nodes_of([&](const TypeInfo& t) {
         return search.is_derived(t, "concurrent.futures.thread.ThreadPoolExecutor");
       })) {
    const Address down = search.values().attribute(search.address(n), "_shutdown"),
                  threads = search.values().attribute(search.address(n), "_threads");
    const std::uint64_t count = is_null(threads) ? 0 : search.values().length(threads).value_or(0);
    const auto is_down = search.values().value(down);
    const auto* const known = std::get_if<bool>(&is_down);
    if (count == 0 || (known && *known)) continue;
    out.nodes.push_back(n);
    out.threads += count;
    out.type = search.type_name(n);
  }
  return out;
}

// Of threading.Timer, or of a class derived from it, that have not come to their end.
std::size_t living_timers(const LeakSearch& search) {
  const NodeId threading = search.module("threading");
  if (threading == kNoNode) return 0;
  const Address active = search.values().attribute(search.address(threading), "_active");
  std::size_t timers = 0;
  if (!is_null(active))
    search.objects().each_item(active, [&](Address, Address thread) {
      timers += search.values().is_instance(thread, "threading.Timer");
    });
  return timers;
}

std::vector<NodeId> thread_objects(const LeakSearch& search) {
  return search.nodes_of([&](const TypeInfo& t) { return search.is_derived(t, "threading.Thread"); });
}

}  // namespace

void find_threads(const LeakSearch& search, Suspects& found) {
  std::map<std::pair<std::string, std::string>, std::size_t> alike;
  std::size_t all = 0;
  for (const PyInterpreter& interpreter : search.clues().interpreters)
    for (const PyThread& thread : interpreter.threads) {
      ++all;
      if (const PyFrame* const frame = where_it_stands(thread)) ++alike[{frame->file, frame->function}];
    }
  if (alike.empty()) return;
  const auto most = std::max_element(alike.begin(), alike.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  const auto& [file, function] = most->first;
  const std::size_t count = most->second;
  const bool of_pool = file.ends_with("concurrent/futures/thread.py");
  const Executors executors = of_pool ? living_executors(search) : Executors{};
  if (count < kManyThreads && executors.nodes.size() < kManyExecutors) return;

  Suspect s{.pattern = "many-threads", .objects = count};
  std::vector<NodeId> kept = thread_objects(search);
  kept.insert(kept.end(), executors.nodes.begin(), executors.nodes.end());
  s.bytes = search.retained_by_set(kept).bytes;
  s.certainty = 0.9;
  constexpr double kFull = 1000;  // so many are trouble, whatever they keep
  s.share_of_limit = std::min(1.0, static_cast<double>(count) / kFull);
  s.owner = "threads in " + function;
  s.evidence =
      format_count(count) + " of " + format_count(all) + " threads stand in " + end_of(file) + " " + function;
  if (executors.nodes.size() >= kManyExecutors) {
    const auto groups = search.group_by_owner(executors.nodes);
    s.node = groups[0].owner != kNoNode ? groups[0].owner : executors.nodes[0];
    s.owner = search.owner_of(search.path_to(s.node));
    s.evidence += "; " + format_count(executors.nodes.size()) + " " + executors.type + " with " +
                  format_count(executors.threads, "thread", "threads") + " were never shut down";
    s.cure =
        "Call shutdown() of each when it is done with, or use it in a `with` block; best make one "
        "executor when the program starts and use it for all.";
    s.examples.assign(executors.nodes.begin(), executors.nodes.begin() + 3);
  } else if (of_pool) {
    s.cure =
        "A pool makes threads up to its max_workers and keeps them: lower it, and use one executor for "
        "all.";
  } else if (const std::size_t timers = living_timers(search); timers >= kManyThreads) {
    s.owner = "threads of threading.Timer";
    s.evidence += "; " + format_count(timers) + " are threading.Timer, which wait for their time";
    s.cure =
        "cancel() a Timer when its work is no longer wanted; each is a thread that does nothing else: "
        "for many times use one thread with sched.scheduler or a heap of times, or loop.call_later().";
  } else {
    s.cure =
        "See what each waits for (heapglass stacks), end threads when their work is done (an Event, a "
        "None in the queue, a timeout of the socket), or give the work to one ThreadPoolExecutor.";
  }
  // The library's own tables of them are the same threads another way.
  if (const NodeId threading = search.module("threading"); threading != kNoNode)
    for (const char* name : {"_active", "_dangling", "_limbo"})
      if (const NodeId table = search.node(search.values().attribute(search.address(threading), name));
          table != kNoNode)
        s.covers.push_back(table);
  s.evidence += "; each has a stack of its own beside Python's objects, which heapglass memory tells";
  found.push_back(std::move(s));
}

}  // namespace heapglass
