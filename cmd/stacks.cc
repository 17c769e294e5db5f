// heapglass stacks: where every thread, task and greenlet stands, what it waits for and which thread has
// that.
#include "lib/report/stacks.h"

#include "cmd/command.h"
#include "lib/open/open_heap.h"
#include "lib/report/write_answer.h"

namespace heapglass {

int run_stacks(const std::vector<std::string>& arguments) {
  CommandLine line(
      "stacks",
      "the stack of every thread, task and greenlet, what it waits for, and which thread holds that");
  line.takes_processes();
  StackOptions stack_options{.most_frames = 100, .repr = 120};
  line.flag("locals", &stack_options.locals, "print the local variables of each frame and their values");
  line.flag("native", &stack_options.native,
            "print the functions of machine code that each thread is in too, by unwind tables and symbols");
  bool unfold = false;
  line.flag("unfold", &unfold,
            "print each of several threads, tasks or greenlets that stand alike by itself");
  line.count("depth", &stack_options.most_frames, 0, kMostRows,
             "print N frames of each stack (default 100), 0: all");
  line.count("repr", &stack_options.repr, 1, 1'000'000, "print N characters of each value (default 120)");
  if (!line.parse(arguments)) return kExitDone;
  stack_options.fold = !unfold && line.common().format.empty();
  const auto heap = open_heap(
      line.common(), {.graph = false, .binaries = stack_options.native, .rehearse = [&](const Heap& h) {
                        stacks_document(h, stack_options);
                      }});
  if (stack_options.native && heap->snapshot())
    throw Error(ErrorKind::kUsage, "a snapshot has nothing of the machine code that its threads were in",
                "take --native of the process, or of a core");
  write_answer(*heap, stacks_document(*heap, stack_options), line.common());
  return kExitDone;
}

}  // namespace heapglass
